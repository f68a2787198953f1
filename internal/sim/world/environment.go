package world

import (
	"path"
	"strings"
)

// directory is where the program starts: in PWD, or else in the root.
func directory(environment []string) string {
	return path.Join("/", variable(environment, "PWD"))
}

func variable(environment []string, name string) string {
	for _, s := range environment {
		if value, ok := strings.CutPrefix(s, name+"="); ok {
			return value
		}
	}
	return ""
}
