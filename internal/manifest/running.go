package manifest

import (
	"crypto/sha256"
	"fmt"
)

// MeasureRunning is Measure with the bytes of another file in the executable's
// place: /proc/PID/exe, say, which is what a process executes, whatever is at
// the executable's path by then. It takes about a millisecond a megabyte.
func (m *Manifest) MeasureRunning(file string) ([32]byte, error) {
	exe, err := sum(file)
	if err != nil {
		return [32]byte{}, fmt.Errorf("manifest: exe: %w", err)
	}
	h := measurement{sha256.New()}
	h.text("cleave simulated measurement 1")
	h.Write(exe[:])
	h.manifest(m)
	return [32]byte(h.Sum(nil)), nil
}
