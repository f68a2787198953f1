package attest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cleave-sdk/cleave/internal/nowait"
)

// Dir is a folder with the collateral of one kind of platform: tcb_info.json,
// qe_identity.json, tcb_signing_chain.pem, root_ca_crl.der and pck_crl.der.
// Each has at most 1 MiB.
type Dir string

// Collateral reads the folder, whatever the subject.
func (d Dir) Collateral(context.Context, Subject) (*Collateral, error) {
	var c Collateral
	for name, content := range map[string][]*[]byte{
		"tcb_info.json":         {&c.TCBInfo},
		"qe_identity.json":      {&c.QEIdentity},
		"tcb_signing_chain.pem": {&c.TCBInfoChain, &c.QEIdentityChain},
		"root_ca_crl.der":       {&c.RootCRL},
		"pck_crl.der":           {&c.PCKCRL},
	} {
		b, err := d.read(name)
		if err != nil {
			return nil, fmt.Errorf("attest: %w: %w", ErrCollateral, err)
		}
		for _, p := range content {
			*p = b
		}
	}
	return &c, nil
}

// read is bounded because the folder may be the host's, and its files endless
// or pipes.
func (d Dir) read(name string) ([]byte, error) {
	f, err := openRegular(filepath.Join(string(d), name))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readBounded(f, f.Name())
}

// openRegular opens a regular file, or what a link to one leads to.
func openRegular(name string) (*os.File, error) {
	f, err := nowait.Open(name)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, errors.Join(err, fmt.Errorf("%s is no regular file", name))
	}
	return f, nil
}
