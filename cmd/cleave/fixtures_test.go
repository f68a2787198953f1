package main

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cleave-sdk/cleave/internal/inputs"
	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/cleave-sdk/cleave/internal/manifest"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// fixtures are made once for all scripts: that takes seconds.
type fixtures struct {
	dir string // has the program "trusted", and its signer's private.pem and public.pem
	key *rsa.PrivateKey
}

// fixturesDir is where they are, if they have been made.
var fixturesDir string

var ready = sync.OnceValues(func() (*fixtures, error) {
	dir, err := os.MkdirTemp("", "cleave-fixtures")
	if err != nil {
		return nil, err
	}
	fixturesDir = dir
	m := manifest.Default("trusted")
	m.Key = filepath.Join(dir, "private.pem")
	key, err := m.Signer()
	if err != nil {
		return nil, err
	}
	if err := inputs.Package("./testdata/trusted"); err != nil {
		return nil, err
	}
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "trusted"), "./testdata/trusted")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	return &fixtures{dir, key}, nil
})

// setupProgram puts the program and its key into a script's folder app, and
// signed executables without code beside it.
func setupProgram(env *testscript.Env) error {
	f, err := ready()
	if err != nil {
		return err
	}
	app := filepath.Join(env.WorkDir, "app")
	if err := os.Mkdir(app, 0o700); err != nil {
		return err
	}
	for _, name := range []string{"trusted", "private.pem", "public.pem"} {
		err = errors.Join(err, copyFile(filepath.Join(f.dir, name), filepath.Join(app, name)))
	}
	signer, signerErr := sgx.MRSIGNER(&f.key.PublicKey)
	env.Setenv("APPSIGNER", fmt.Sprintf("%x", signer))
	images, imagesErr := f.images()
	return errors.Join(err, signerErr, imagesErr,
		os.Mkdir(filepath.Join(env.WorkDir, "unsigned"), 0o700), writeFiles(env.WorkDir, images))
}

func copyFile(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(from)
	return errors.Join(err, os.WriteFile(to, b, info.Mode().Perm()))
}

// images are signed as ego sign does, with and without Debug.
func (f *fixtures) images() (map[string][]byte, error) {
	s := sgx.SigStruct{
		Date:          0x20260301,
		MiscMask:      0xFFFFFFFF,
		Attributes:    sgx.Attributes{Flags: sgx.FlagMode64, XFRM: 3},
		AttributeMask: sgx.Attributes{Flags: ^uint64(0), XFRM: ^uint64(0x1B)},
		MRENCLAVE:     [32]byte{0: 0xAA, 31: 0xBB},
		ProductID:     7,
		SVN:           9,
	}
	debug := s
	debug.Attributes.Flags |= sgx.FlagDebug
	debug.AttributeMask.Flags &^= sgx.FlagDebug
	open := s
	open.AttributeMask.Flags &^= sgx.FlagDebug
	kss := s
	kss.Attributes.Flags |= sgx.FlagKSS
	kss.FamilyID, kss.ExtProductID = [16]byte{1}, [16]byte{2}
	var err error
	for _, each := range []*sgx.SigStruct{&s, &debug, &open, &kss} {
		err = errors.Join(err, issue.SignSigStruct(each, f.key))
	}
	forged := s
	forged.SVN++
	image := func(s sgx.SigStruct) []byte { return issue.Image(".oeinfo", s.Append(nil)) }
	broken := image(s)
	broken[64+144] ^= 1
	pkcs8, pkcs8Err := x509.MarshalPKCS8PrivateKey(f.key)
	return map[string][]byte{
		"signed":          image(s),
		"signeddebug":     image(debug),
		"signedopen":      image(open),
		"signedkss":       image(kss),
		"signedforged":    image(forged),
		"signedbroken":    broken,
		"signedcut":       image(s)[:1000],
		"unsigned/app":    issue.Image(".oeinfo", make([]byte, sgx.SigStructSize)),
		"pkcs8.pem":       pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}),
		"encrypted.pem":   pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: pkcs8}),
		"certificate.pem": []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
	}, errors.Join(err, pkcs8Err)
}
