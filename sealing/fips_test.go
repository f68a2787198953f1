package sealing_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/sealing"
)

// GCM with a nonce of one's own is not approved, so that with GODEBUG=
// fips140=only nothing is sealed or opened; with fips140=on all works.
func TestFIPS(t *testing.T) {
	for mode, want := range map[string]string{"only": "refused: sealing: crypto/cipher", "on": "works: secret <nil>"} {
		out, err := play(t, "fips", "GODEBUG=fips140="+mode).CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), want) {
			t.Errorf("fips140=%s: %v: %s", mode, err, out)
		}
	}
}

func sealOnlyApproved() {
	cpu := newCPU()
	cpu.root = "a root that is long enough"
	s := sealing.New(cpu, sealing.ToSigner)
	blob, err := s.Seal([]byte("secret"), nil)
	if err != nil {
		fmt.Println("refused:", err)
		return
	}
	got, err := s.Open(blob, nil)
	fmt.Println("works:", string(got), err)
}
