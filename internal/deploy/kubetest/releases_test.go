package kubetest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The same tests with the types of the two releases before.
func TestPreviousReleases(t *testing.T) {
	if os.Getenv("CLEAVE_RELEASE") != "" {
		t.Skip("this is one of them")
	}
	if testing.Short() {
		t.Skip("compiles the types of two releases")
	}
	for _, release := range []string{"previous", "oldest"} {
		t.Run(release, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), "go", "test", "-modfile", release+".mod", "-run", "TestStrict", ".")
			cmd.Env = append(os.Environ(), "GOWORK=off", "CLEAVE_RELEASE="+release)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.HasPrefix(string(out), "ok") {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}
