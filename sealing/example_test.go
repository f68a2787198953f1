package sealing_test

import (
	"errors"
	"fmt"

	"github.com/cleave-sdk/cleave/sealing"
)

func Example() {
	platform := newCPU() // in a trusted half, what enclave.Open returns

	sealer := sealing.New(platform, sealing.ToSigner)
	blob, err := sealer.Seal([]byte("a secret"), []byte("secrets/database"))
	if err != nil {
		fmt.Println(err)
		return
	}

	secret, err := sealer.Open(blob, []byte("secrets/database"))
	fmt.Printf("%s, %v\n", secret, err)

	// The host hands over one blob for another.
	_, err = sealer.Open(blob, []byte("secrets/website"))
	fmt.Println(errors.Is(err, sealing.ErrOpen))
	// Output:
	// a secret, <nil>
	// true
}

// Builds below security version 5 turned out to leak their keys: what claims to
// be sealed by them may be anybody's.
func ExampleSealer_minSVN() {
	platform := newCPU()
	platform.level.SVN = 4
	old, err := sealing.New(platform, sealing.ToSigner).Seal([]byte("a secret"), nil)
	if err != nil {
		fmt.Println(err)
		return
	}

	platform.level.SVN = 5
	sealer := sealing.New(platform, sealing.ToSigner)
	sealer.MinSVN = 5
	_, err = sealer.Open(old, nil)
	fmt.Println(errors.Is(err, sealing.ErrTooOld))
	// Output: true
}

func ExampleInfo() {
	blob, err := sealing.New(newCPU(), sealing.ToEnclave).Seal([]byte("a secret"), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	header, err := sealing.Info(blob)
	fmt.Println(header.Binding, header.Level.Source, header.Level.SVN, err)
	// Output: ToEnclave SourceCPU 5 <nil>
}
