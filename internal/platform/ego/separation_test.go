//go:build linux && amd64

package ego_test

import (
	"testing"

	"github.com/cleave-sdk/cleave/sealing"
)

// A request with more to it than EGo can bind a key to gets none.
func TestNoKeysThatNeedKSS(t *testing.T) {
	p := simulate(t).open(t)
	for name, request := range map[string]sealing.KeyRequest{
		"separation":        {Binding: sealing.ToSigner, Separation: sealing.ByFamily},
		"configuration SVN": {Binding: sealing.ToSigner, ConfigSVN: 1},
	} {
		if key, err := p.SealingKey(request); err == nil || key != [16]byte{} {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := p.SealingKey(sealing.KeyRequest{Binding: sealing.ToSigner}); err != nil {
		t.Errorf("neither: %v", err)
	}
}
