package enclave_test

import (
	"errors"
	"testing"

	"github.com/cleave-sdk/cleave/enclave"
	"github.com/cleave-sdk/cleave/sealing"
)

// kss is a platform with keys for one more property of the enclave.
type kss struct{ *fake }

func (kss) Separations() sealing.Separation { return sealing.ByFamily }

func TestSeparationsAreThePlatforms(t *testing.T) {
	f := newFake()
	without, err := enclave.New(f)
	if err != nil {
		t.Fatal(err)
	}
	with, err := enclave.New(kss{f})
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range map[*enclave.Platform]sealing.Separation{new(enclave.Platform): 0, without: 0, with: sealing.ByFamily} {
		if got := p.Separations(); got != want {
			t.Errorf("got %v, want %v", got, want)
		}
		s := sealing.New(p, sealing.ToSigner)
		s.Separation = sealing.ByFamily
		if _, err := s.Seal(nil, nil); p == without && !errors.Is(err, errors.ErrUnsupported) || p == with && err != nil {
			t.Errorf("sealed with %v: %v", want, err)
		}
	}
}
