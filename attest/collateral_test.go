package attest_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/cleave-sdk/cleave/attest"
)

// fill writes collateral as Dir reads it.
func fill(t *testing.T, c *attest.Collateral) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string][]byte{
		"tcb_info.json": c.TCBInfo, "qe_identity.json": c.QEIdentity, "tcb_signing_chain.pem": c.TCBInfoChain,
		"root_ca_crl.der": c.RootCRL, "pck_crl.der": c.PCKCRL,
	} {
		check(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	return dir
}

func TestDir(t *testing.T) {
	m := newMachine(t)
	want := m.collateral(t)
	dir := fill(t, want)
	got, err := attest.Dir(dir).Collateral(t.Context(), attest.Subject{})
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	v := m.verifier(t, "friend")
	v.Collateral = attest.Dir(dir)
	_, err = v.Verify(t.Context(), m.quote(t, enclave("friend"), [64]byte{}), [64]byte{})
	check(t, err)

	entries, err := os.ReadDir(dir)
	check(t, err)
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		content, err := os.ReadFile(name)
		check(t, err)

		check(t, os.Remove(name))
		if c, err := attest.Dir(dir).Collateral(t.Context(), attest.Subject{}); !errors.Is(err, attest.ErrCollateral) || !errors.Is(err, fs.ErrNotExist) || c != nil {
			t.Errorf("without %s: %v, %v", e.Name(), c, err)
		}
		check(t, os.WriteFile(name, make([]byte, 1<<20+1), 0o600))
		if c, err := attest.Dir(dir).Collateral(t.Context(), attest.Subject{}); !errors.Is(err, attest.ErrCollateral) || c != nil {
			t.Errorf("with a huge %s: %v", e.Name(), err)
		}
		check(t, os.WriteFile(name, content, 0o600))
	}
	if c, err := attest.Dir("").Collateral(t.Context(), attest.Subject{}); err == nil || c != nil {
		t.Errorf("no folder: %v, %v", c, err)
	}
}
