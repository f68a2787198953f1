package doctor

import (
	"cmp"
	"path"
	"regexp"
	"strings"
)

// What may stand in a command. Files, variables and services say it, in an image
// perhaps, and who pastes it may be root on the node: all else is left out.
const (
	labelPattern = `^[a-z0-9][a-z0-9.-]{0,252}$`                     // pods, nodes
	groupPattern = `^[a-z_][a-z0-9_-]{0,31}$`                        // no number, which is another group's
	pathPattern  = `^/[A-Za-z0-9._/-]{0,254}$`                       // absolute, and so no flag
	urlPattern   = `^(?i:https?)://[A-Za-z0-9[][][A-Za-z0-9:/._-]*$` // without a password, its host no flag
)

func pastes(pattern, s string) bool { return regexp.MustCompile(pattern).MatchString(s) }

// label returns the name of a pod or a node, or a word in its place.
func label(name, otherwise string) string {
	if pastes(labelPattern, name) {
		return name
	}
	return otherwise
}

// rooted is a path as in Files, where nothing is above the root.
func rooted(name string) string {
	return cmp.Or(strings.TrimPrefix(path.Clean("/"+name), "/"), ".")
}
