package manifest

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cleave-sdk/cleave/internal/sgx"
)

const maxKeySize = 64 << 10 // bytes of a PEM file

var (
	errPEM    = errors.New(`no private key in PEM; write the path of an RSA key ("RSA PRIVATE KEY" or "PRIVATE KEY", not encrypted), or of a file that is not there, to have one made`)
	errKeyPEM = errors.New(`no RSA key in PEM; name a private key ("RSA PRIVATE KEY" or "PRIVATE KEY", not encrypted) or a public one ("PUBLIC KEY")`)
	errRSA    = errors.New("is not the RSA-3072 key of exponent 3 that enclaves are signed with; make one with openssl genrsa -3 3072, or write the path of a file that is not there")
)

// Signer returns the key that the enclave is signed with, and whose MRSIGNER
// it has. If there is none at KeyFile, it is made, and its public half put into
// public.pem beside it, as EGo does. Of several processes that do so at once,
// all get the same key.
func (m *Manifest) Signer() (*rsa.PrivateKey, error) {
	path := m.KeyFile()
	key, err := readKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = makeKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("manifest: key: %w", err)
	}
	return key, nil
}

// MakesKey reports whether Signer is about to make a key, which takes seconds.
// It is an error if it would, and cannot.
func (m *Manifest) MakesKey() (bool, error) {
	path := m.KeyFile()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err := makeable(path); err != nil {
		return false, fmt.Errorf("manifest: key: %w", err)
	}
	return true, nil
}

func readKey(path string) (*rsa.PrivateKey, error) {
	data, err := read(path, maxKeySize)
	if err != nil {
		return nil, err
	}
	key, err := parseKey(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

func parseKey(data []byte) (*rsa.PrivateKey, error) {
	block, rest := pem.Decode(data)
	if block == nil || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errPEM
	}
	key, err := parseBlock(block)
	if err != nil {
		return nil, err
	}
	if _, err := sgx.MRSIGNER(&key.PublicKey); err != nil {
		return nil, errRSA
	}
	return key, nil
}

func parseBlock(block *pem.Block) (*rsa.PrivateKey, error) {
	switch {
	case len(block.Headers) > 0: // encrypted
		return nil, errPEM
	case block.Type == "RSA PRIVATE KEY":
		return x509.ParsePKCS1PrivateKey(block.Bytes)
	case block.Type != "PRIVATE KEY":
		return nil, errPEM
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	rsaKey, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, errRSA
	}
	return rsaKey, nil
}

// SignerOf is the MRSIGNER of what is signed with the private or public key in
// a PEM file of at most 64 KiB.
func SignerOf(pemFile string) ([32]byte, error) {
	data, err := read(pemFile, maxKeySize)
	if err != nil {
		return [32]byte{}, fmt.Errorf("manifest: key: %w", err)
	}
	key, err := parsePublic(data)
	if err != nil {
		return [32]byte{}, fmt.Errorf("manifest: key: %s: %w", pemFile, err)
	}
	signer, err := sgx.MRSIGNER(key)
	if err != nil {
		return [32]byte{}, fmt.Errorf("manifest: key: %s: %w", pemFile, errRSA)
	}
	return signer, nil
}

// parsePublic returns the public key, or the public half of the private one.
func parsePublic(data []byte) (*rsa.PublicKey, error) {
	block, rest := pem.Decode(data)
	if block == nil || len(bytes.TrimSpace(rest)) > 0 || len(block.Headers) > 0 {
		return nil, errKeyPEM
	}
	switch block.Type {
	case "PUBLIC KEY":
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil, err
		}
		if key, ok := key.(*rsa.PublicKey); ok {
			return key, nil
		}
		return nil, errRSA
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case "RSA PRIVATE KEY", "PRIVATE KEY":
		key, err := parseKey(data)
		if err != nil {
			return nil, err
		}
		return &key.PublicKey, nil
	}
	return nil, errKeyPEM
}

// makeKey makes a key and puts it at path, unless another process was faster:
// then it returns the other's.
func makeKey(path string) (*rsa.PrivateKey, error) {
	if err := makeable(path); err != nil {
		if key, other := readKey(path); other == nil {
			return key, nil
		}
		return nil, err
	}
	key, err := generate()
	if err != nil {
		return nil, err
	}
	private := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	err = place(path, private, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return readKey(path)
	}
	if err != nil {
		return nil, err
	}
	if err := placePublic(publicFile(path), &key.PublicKey); err != nil {
		return nil, err
	}
	return key, nil
}

// makeable tells of a bad place before the seconds that making a key takes.
func makeable(path string) error {
	if public := publicFile(path); exists(public) {
		return fmt.Errorf("there is none at %s, and none can be made: %w", path, taken(public))
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*")
	if err == nil {
		err = errors.Join(f.Close(), os.Remove(f.Name()))
	}
	if err != nil {
		return fmt.Errorf("there is none at %s, and none can be made: %w", path, err)
	}
	return nil
}

// publicFile is where the public half of a key goes. Whoever has written the
// manifest chooses the directory, and so may have meant one with a file of that
// name that matters: it is not overwritten.
func publicFile(path string) string { return filepath.Join(filepath.Dir(path), "public.pem") }

func taken(public string) error {
	return fmt.Errorf("%s is there already, of another key; put that key back, remove the file, or write a path in another directory", public)
}

func placePublic(path string, key *rsa.PublicKey) error {
	spki, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return err
	}
	err = place(path, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}), 0o644)
	if errors.Is(err, fs.ErrExist) {
		return taken(path)
	}
	return err
}

// place writes a whole file beside path before it links it there, which fails
// if something is there already.
func place(path string, data []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*") // with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err := errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), path)
}
