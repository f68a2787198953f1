package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"os"
	"time"
)

// printOwner prints what enclave.json names the owner by.
func printOwner(args []string, stdout io.Writer) error {
	if len(args) != 1 {
		return errUsage
	}
	owner, err := loadOwner(args[0])
	if errors.Is(err, fs.ErrNotExist) {
		owner, err = makeOwner(args[0])
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%x\n", sha256.Sum256(owner.Leaf.RawSubjectPublicKeyInfo))
	return nil
}

// loadOwner reads the key, and the certificate that TLS wants around it, from
// one file in PEM.
func loadOwner(name string) (tls.Certificate, error) {
	return tls.LoadX509KeyPair(name, name)
}

// makeOwner writes a new key to a file that is not there yet. The certificate
// says nothing: the trusted half knows the key.
func makeOwner(name string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "owner"},
		NotBefore:    time.Unix(0, 0),
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), // RFC 5280: no end
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return tls.Certificate{}, err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return tls.Certificate{}, err
	}
	err = errors.Join(
		pem.Encode(f, &pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		pem.Encode(f, &pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
		f.Close())
	if err != nil {
		return tls.Certificate{}, err
	}
	return loadOwner(name)
}
