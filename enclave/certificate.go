package enclave

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"time"

	"github.com/cleave-sdk/cleave/internal/ratls"
)

const (
	backdate = 5 * time.Minute // for clients whose clocks are behind
	lifetime = 24 * time.Hour
)

// certify makes a certificate for k whose evidence is a new quote.
func certify(ctx context.Context, p *Platform, k *key, now time.Time) (*tls.Certificate, error) {
	spki, err := x509.MarshalPKIXPublicKey(k.Public())
	if err != nil {
		return nil, fmt.Errorf("enclave: %w", err)
	}
	claims := ratls.Claims(spki)
	quote, err := p.RawQuote(ctx, ratls.ReportData(claims))
	if err != nil {
		return nil, err
	}
	return selfSign(k, ratls.Extension(quote, claims), now)
}

func selfSign(k *key, evidence pkix.Extension, now time.Time) (*tls.Certificate, error) {
	template, err := newTemplate(evidence, now)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		return nil, fmt.Errorf("enclave: certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("enclave: certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: k, Leaf: leaf}, nil
}

func newTemplate(evidence pkix.Extension, now time.Time) (*x509.Certificate, error) {
	serial := make([]byte, 16)
	if _, err := rand.Read(serial); err != nil {
		return nil, fmt.Errorf("enclave: certificate: %w", err)
	}
	serial[0] |= 1 // not zero
	return &x509.Certificate{
		SerialNumber:          new(big.Int).SetBytes(serial),
		Subject:               pkix.Name{CommonName: "Cleave"},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(lifetime),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		ExtraExtensions:       []pkix.Extension{evidence},
	}, nil
}
