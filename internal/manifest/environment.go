package manifest

import (
	"maps"
	"os"
	"slices"
	"strings"
)

// maxThreads is how many threads EGo lets the Go runtime have: of the 32 that
// it gives every enclave (TCS), two are its own.
const maxThreads = "30"

// Environment is what the trusted half sees of the host's environment, both as
// NAME=value: the variables that the manifest lists, and those that begin with
// EDG_, all of which the host may have chosen. It is sorted by name.
//
// EGo's runtime adds OE_IS_ENCLAVE, EGOMAXTHREADS and EDG_CWD, the host's
// working directory, which here is the one of this process unless host has it.
func (m *Manifest) Environment(host []string) []string {
	of := split(host)
	env := map[string]string{"EGOMAXTHREADS": maxThreads}
	if cwd, err := os.Getwd(); err == nil {
		env["EDG_CWD"] = cwd
	}
	for name, value := range of {
		if strings.HasPrefix(name, "EDG_") {
			env[name] = value
		}
	}
	for _, e := range m.Env {
		if e.Value != "" {
			env[e.Name] = e.Value
		}
		if value, ok := of[e.Name]; ok && e.FromHost {
			env[e.Name] = value
		}
	}
	env["OE_IS_ENCLAVE"] = "1"
	return join(env)
}

// split drops what is no NAME=value. Of a name given twice the last counts, as
// in os/exec.
func split(environ []string) map[string]string {
	env := make(map[string]string, len(environ))
	for _, s := range environ {
		if name, value, ok := strings.Cut(s, "="); ok {
			env[name] = value
		}
	}
	return env
}

func join(env map[string]string) []string {
	environ := make([]string, 0, len(env))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		environ = append(environ, name+"="+env[name])
	}
	return environ
}
