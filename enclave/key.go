package enclave

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"io"
)

// key signs, and that is all that can be had of it: the private key is in a
// closure, where printing, marshalling and reflection do not reach it.
type key struct {
	public *ecdsa.PublicKey
	sign   func(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error)
}

var _ crypto.Signer = (*key)(nil)

func newKey() (*key, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return enclose(private), nil
}

func enclose(private *ecdsa.PrivateKey) *key {
	return &key{&private.PublicKey, private.Sign}
}

// Public implements crypto.Signer.
func (k *key) Public() crypto.PublicKey { return k.public }

// Sign implements crypto.Signer.
func (k *key) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.sign(rand, digest, opts)
}
