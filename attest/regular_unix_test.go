//go:build unix

package attest_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/cleave-sdk/cleave/attest"
)

// Nobody ever writes into the pipe: this returns or hangs.
func TestDirOfPipes(t *testing.T) {
	dir := fill(t, newMachine(t).collateral(t))
	name := filepath.Join(dir, "pck_crl.der")
	check(t, os.Remove(name))
	check(t, syscall.Mkfifo(name, 0o600))
	if c, err := attest.Dir(dir).Collateral(t.Context(), attest.Subject{}); !errors.Is(err, attest.ErrCollateral) || c != nil {
		t.Errorf("%v, %v", c, err)
	}
}
