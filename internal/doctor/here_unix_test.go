//go:build unix

package doctor_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/internal/doctor"
)

// A pipe that takes a file's place after it was looked at is not waited for.
func TestSwapped(t *testing.T) {
	name := filepath.Join(t.TempDir(), "qcnl.conf")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Skip(err)
	}
	n := doctor.Here(func(context.Context, string) (time.Duration, error) { return 0, errors.New("not asked") })
	here := n.Stat
	n.Stat = func(file string) (doctor.Entry, error) {
		e, err := here(file)
		if "/"+file == name {
			e.Mode = os.FileMode(0o600)
		}
		return e, err
	}
	n.Env = func(variable string) (string, bool) { return name, variable == "QCNL_CONF_PATH" }
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond) // for the network
	defer cancel()
	for _, f := range doctor.Examine(ctx, n) {
		if f.Check == "qcnl" && strings.Contains(f.Says, "it is not a regular file") {
			return
		}
	}
	t.Error("it was not noticed")
}
