package attest

import (
	"context"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"time"

	"github.com/cleave-sdk/cleave/internal/ratls"
)

const (
	// verifyTimeout bounds one verification in a TLS handshake, for which
	// crypto/tls has no context: it is mostly the wait for collateral.
	verifyTimeout = 30 * time.Second
	// A genuine attested certificate has about 6 KiB, with two quotes 10 KiB.
	maxCertificateSize = 64 << 10
)

// TLSConfig returns a client configuration that completes a handshake only
// with enclaves the policy trusts: TLS 1.3, no resumption. The server's name
// is not verified, nor any certificate authority asked; the evidence in the
// certificate takes their place.
//
// Each handshake verifies afresh, for at most 30 seconds. A connection that
// has been verified stays open however long it lasts.
func (v *Verifier) TLSConfig() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		SessionTicketsDisabled: true,
		InsecureSkipVerify:     true, // VerifyConnection takes its place
		VerifyConnection: func(cs tls.ConnectionState) error {
			_, err := v.Report(cs)
			return err
		},
	}
}

// Report verifies the certificate of the peer in cs, such as the TLS field of
// an [http.Response], and returns what it says.
//
// It proves whose certificate it is. That the peer holds the certificate's key
// is proved by the handshake, and only once that has completed.
func (v *Verifier) Report(cs tls.ConnectionState) (*Report, error) {
	if len(cs.PeerCertificates) == 0 {
		return nil, fail(ErrMalformed, "the peer has shown no certificate")
	}
	ctx, cancel := context.WithTimeout(context.Background(), verifyTimeout)
	defer cancel()
	return v.VerifyCertificate(ctx, cs.PeerCertificates[0])
}

// VerifyCertificate verifies the evidence in an attested certificate in the
// form of TCG DICE and the Confidential Computing Consortium: a quote whose
// report data bind the certificate's public key. A certificate that has only
// evidence in another form is [ErrUnsupported], and other certificates of a
// chain are ignored.
func (v *Verifier) VerifyCertificate(ctx context.Context, cert *x509.Certificate) (*Report, error) {
	r, err := v.AuthenticateCertificate(ctx, cert)
	if err != nil {
		return nil, err
	}
	if err := v.Policy.Check(r); err != nil {
		return nil, err
	}
	return r, nil
}

// AuthenticateCertificate is VerifyCertificate without the policy: the evidence
// is genuine and speaks for the certificate's key, but anybody can have an
// enclave and a certificate for it. It is for tools, as [Verifier.Authenticate].
func (v *Verifier) AuthenticateCertificate(ctx context.Context, cert *x509.Certificate) (*Report, error) {
	if err := v.checkFrame(cert); err != nil {
		return nil, err
	}
	quote, data, err := CertificateQuote(cert)
	if err != nil {
		return nil, err
	}
	r, err := v.Authenticate(ctx, quote)
	if err != nil {
		return nil, err
	}
	if err := r.carries(data); err != nil {
		return nil, err
	}
	return r, nil
}

// CertificateQuote returns the quote in an attested certificate, and the report
// data with which a quote speaks for the certificate's public key. The quote
// has not been verified, nor its report data looked at.
func CertificateQuote(cert *x509.Certificate) (quote []byte, data [64]byte, err error) {
	evidence, err := ratls.Evidence(cert)
	if errors.Is(err, ratls.ErrForeign) {
		return nil, data, because(ErrUnsupported, err)
	}
	if err != nil {
		return nil, data, because(ErrMalformed, err)
	}
	quote, claims, err := ratls.Decode(evidence)
	if err != nil {
		return nil, data, because(ErrMalformed, err)
	}
	if err := ratls.CheckClaims(claims, cert.RawSubjectPublicKeyInfo); err != nil {
		return nil, data, because(ErrForged, err)
	}
	return quote, ratls.ReportData(claims), nil
}

// checkFrame checks what is not evidence. The enclave has signed its own
// certificate, so that its dates are the enclave's and not a middleman's.
func (v *Verifier) checkFrame(cert *x509.Certificate) error {
	now := v.now()
	switch {
	case len(cert.Raw) > maxCertificateSize:
		return fail(ErrMalformed, "the certificate has %d bytes, more than %d", len(cert.Raw), maxCertificateSize)
	case !affordable(cert.PublicKey):
		return fail(ErrMalformed, "the certificate's RSA key has more than %d bits", maxRSABits)
	case cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) != nil:
		return fail(ErrForged, "the certificate is not signed with its own key")
	case now.Before(cert.NotBefore) || now.After(cert.NotAfter):
		return fail(ErrForged, "the certificate is valid from %s to %s only: the enclave has not renewed it, or the clock is wrong",
			cert.NotBefore.Format(time.RFC3339), cert.NotAfter.Format(time.RFC3339))
	}
	return nil
}

// maxRSABits bounds what a signature can cost: a key that fills a certificate
// keeps a core busy for seconds.
const maxRSABits = 8192

func affordable(key any) bool {
	k, ok := key.(*rsa.PublicKey)
	return !ok || k.N.BitLen() <= maxRSABits
}
