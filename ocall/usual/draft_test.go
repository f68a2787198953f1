package usual

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// recorder is a disk that writes down what is asked of it, and fails at one
// step.
type recorder struct {
	steps []string
	fails int // if negative, none
}

var errDisk = errors.New("the disk")

func (r *recorder) step(format string, args ...any) error {
	r.steps = append(r.steps, fmt.Sprintf(format, args...))
	if len(r.steps)-1 == r.fails {
		return errDisk
	}
	return nil
}

func (r *recorder) Create(name string) (draft, error) { return recorded{r}, r.step("create draft") }
func (r *recorder) Rename(draft, name string) error   { return r.step("rename to %s", name) }
func (r *recorder) Remove(name string) error {
	if !strings.HasPrefix(name, draftPrefix) {
		return r.step("remove %s", name)
	}
	return r.step("remove draft")
}
func (r *recorder) Sync() error { return r.step("sync directory") }

type recorded struct{ *recorder }

func (r recorded) Write(b []byte) (int, error) { return len(b), r.step("write %s", b) }
func (r recorded) Sync() error                 { return r.step("sync file") }
func (r recorded) Close() error                { return r.step("close") }

// Whatever the machine does, and at whichever step: there is one blob or the
// other, as a whole.
func TestOrderOfReplacing(t *testing.T) {
	all := []string{"create draft", "write content", "sync file", "close", "rename to name", "sync directory"}
	for name, row := range map[string]struct {
		fails int
		want  []string
	}{
		"nothing":        {-1, all},
		"create":         {0, []string{all[0], "remove draft"}},
		"write":          {1, []string{all[0], all[1], "close", "remove draft"}},
		"sync":           {2, append(slices.Clone(all[:4]), "remove draft")},
		"close":          {3, append(slices.Clone(all[:4]), "remove draft")},
		"rename":         {4, append(slices.Clone(all[:5]), "remove draft")},
		"sync directory": {5, all},
	} {
		r := &recorder{fails: row.fails}
		err := replace(r, "name", []byte("content"))
		if !slices.Equal(r.steps, row.want) || (err != nil) != (row.fails >= 0) || err != nil && !errors.Is(err, errDisk) {
			t.Errorf("%s fails: %q, %v", name, r.steps, err)
		}
	}
}
