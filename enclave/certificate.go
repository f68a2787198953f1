package enclave

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/ratls"
)

const backdate = 5 * time.Minute // for clients whose clocks are behind

var (
	errDialects = errors.New("enclave: evidence is made in DICE, EGo, OpenEnclaveReport and OpenEnclaveEvidence; each once, at least one, " +
		"and EGo and OpenEnclaveReport, which share an extension, not both")
	issuable = []attest.Dialect{attest.DICE, attest.EGo, attest.OpenEnclaveReport, attest.OpenEnclaveEvidence}
)

// checkDialects finds what cannot be in one certificate: crypto/x509 refuses
// those that have an extension twice.
func checkDialects(all []attest.Dialect) error {
	for i, d := range all {
		if !slices.Contains(issuable, d) || slices.Contains(all[:i], d) {
			return errDialects
		}
	}
	shared := slices.Contains(all, attest.EGo) && slices.Contains(all, attest.OpenEnclaveReport)
	if len(all) == 0 || shared {
		return errDialects
	}
	return nil
}

// evidenceOf has k quoted in every dialect.
func evidenceOf(ctx context.Context, p *Platform, k *key, dialects []attest.Dialect) ([]pkix.Extension, error) {
	spki, err := x509.MarshalPKIXPublicKey(k.Public())
	if err != nil {
		return nil, fmt.Errorf("enclave: %w", err)
	}
	var all []pkix.Extension
	for _, d := range dialects {
		e, err := testify(ctx, p, spki, ratls.Dialect(d))
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// testify has a key quoted in one dialect.
func testify(ctx context.Context, p *Platform, spki []byte, d ratls.Dialect) (pkix.Extension, error) {
	data, err := d.ReportData(spki)
	if err != nil {
		return pkix.Extension{}, fmt.Errorf("enclave: %w", err)
	}
	quote, err := p.RawQuote(ctx, data)
	if err != nil {
		return pkix.Extension{}, err
	}
	e, err := d.Extension(spki, quote)
	if err != nil {
		return pkix.Extension{}, fmt.Errorf("enclave: %w", err)
	}
	return e, nil
}

func selfSign(k *key, evidence []pkix.Extension, now time.Time, life time.Duration) (*tls.Certificate, error) {
	template, err := newTemplate(evidence, now, life)
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

func newTemplate(evidence []pkix.Extension, now time.Time, life time.Duration) (*x509.Certificate, error) {
	serial := make([]byte, 16)
	if _, err := rand.Read(serial); err != nil {
		return nil, fmt.Errorf("enclave: certificate: %w", err)
	}
	serial[0] |= 1 // not zero
	return &x509.Certificate{
		SerialNumber:          new(big.Int).SetBytes(serial),
		Subject:               pkix.Name{CommonName: "Cleave"},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(life),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		ExtraExtensions:       evidence,
	}, nil
}
