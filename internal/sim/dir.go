package sim

import (
	"fmt"
	"os"
	"path/filepath"
)

// DefaultDir is the directory of the user's own machine: cleave/simulator in
// $XDG_STATE_HOME, or in ~/.local/state. It is for the caller to say by what
// another is named where there is neither.
func DefaultDir() (string, error) {
	state := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(state) {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("sim: no place for a machine: %w", err)
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "cleave", "simulator"), nil
}
