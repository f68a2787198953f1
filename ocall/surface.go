package ocall

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
)

// surfaceTag separates fingerprints from any other use of SHA-256, and changes
// with what a line means.
const surfaceTag = "ocall surface 3\n"

// surface is what a half says it can ask or answer: a line for each call,
// sorted by name.
type surface struct {
	text        string // lines, each with a newline
	lines       []string
	fingerprint [sha256.Size]byte
}

func newSurface(lines []string) *surface {
	s := &surface{lines: lines}
	for _, line := range lines {
		s.text += line + "\n"
	}
	s.fingerprint = sha256.Sum256([]byte(surfaceTag + s.text))
	return s
}

// parseSurface reads the other half's. Its lines are compared and quoted, never
// interpreted, so that only the names are checked.
func parseSurface(text string) (*surface, bool) {
	if text == "" {
		return newSurface(nil), true
	}
	if !strings.HasSuffix(text, "\n") {
		return nil, false
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i, line := range lines {
		if !validName(nameOf(line)) || i > 0 && nameOf(lines[i-1]) >= nameOf(line) {
			return nil, false
		}
	}
	return newSurface(lines), true
}

func nameOf(line string) string {
	name, _, _ := strings.Cut(line, "(")
	return name
}

func (s *surface) find(name string) (line string, ok bool) {
	i := slices.IndexFunc(s.lines, func(line string) bool { return nameOf(line) == name })
	if i < 0 {
		return "", false
	}
	return s.lines[i], true
}

// offers reports, as an error, the first line of asked that s does not have.
// The host may offer more, never less and never something else.
func (s *surface) offers(asked *surface) error {
	for _, line := range asked.lines {
		theirs, ok := s.find(nameOf(line))
		if !ok {
			return fmt.Errorf("%w: the host does not offer %s", ErrMismatch, nameOf(line))
		}
		if theirs != line {
			return difference(line, theirs)
		}
	}
	return nil
}

// difference says where two lines of one call part.
func difference(trusted, host string) error {
	i := 0
	for i < min(len(trusted), len(host)) && trusted[i] == host[i] {
		i++
	}
	return fmt.Errorf("%w: %s: %s: %q in the trusted half, %q in the host's", ErrMismatch,
		nameOf(trusted), where(trusted[:i]), word(trusted, i), word(host, i))
}

// where names the field at the end of a line's beginning.
func where(line string) string {
	path, start := []string{"request"}, 0
	for i, r := range line {
		top := len(path) - 1
		switch {
		case r == ')':
			path = []string{"response"}
		case r == '{':
			path, start = append(path, ""), i+1
		case r == '}' && top > 0:
			path = path[:top]
		case r == ',' && top > 0:
			path[top], start = "", i+2
		case r == ' ' && top > 0 && path[top] == "" && i > start:
			path[top] = line[start:i]
		}
	}
	return strings.TrimSuffix(strings.Join(path, "."), ".")
}

// word is what stands around line[i], cut short.
func word(line string, i int) string {
	const breaks = "(){}, "
	start := strings.LastIndexAny(line[:i], breaks) + 1
	end := strings.IndexAny(line[i:], breaks)
	if end < 0 {
		end = len(line) - i
	}
	return line[start:min(i+end, start+maxName)]
}
