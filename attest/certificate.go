package attest

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"time"

	"github.com/cleave-sdk/cleave/internal/ratls"
)

// maxCertificateSize bounds a chain. A genuine attested certificate has about 6
// KiB, with two quotes 10 KiB.
const maxCertificateSize = 64 << 10

// VerifyCertificate verifies an attested certificate: one that is signed with
// its own key, for which one or several quotes speak.
//
// At least one of the quotes must be in a dialect of [Verifier.Dialects]. All
// that are in a known dialect must be genuine and speak for the key by their
// own rule, whether that is accepted or not, and must be of the same enclave on
// the same platform. A certificate that has only evidence in another form is
// [ErrUnsupported].
//
// Good verdicts are remembered: see [Verifier]. The certificate must be as
// x509.ParseCertificate returned it.
func (v *Verifier) VerifyCertificate(ctx context.Context, cert *x509.Certificate) (*Report, error) {
	return v.trust(ctx, exhibit{cert: cert})
}

// AuthenticateCertificate is VerifyCertificate without the policy: the evidence
// is genuine and speaks for the certificate's key, but anybody can have an
// enclave and a certificate for it. It is for tools, as [Verifier.Authenticate].
func (v *Verifier) AuthenticateCertificate(ctx context.Context, cert *x509.Certificate) (*Report, error) {
	found, err := v.prove(ctx, exhibit{cert: cert})
	if err != nil {
		return nil, err
	}
	return found.report(), nil
}

// An exhibit is a certificate as a peer has shown it.
type exhibit struct {
	cert     *x509.Certificate
	chained  bool // a chain of authorities for it has been verified
	complete bool // the handshake has, so that the peer has its key
}

// A proof is what all the quotes of a certificate say, at least one.
type proof []*judgement

// report is that of the first quote in an accepted dialect.
func (p proof) report() *Report { return p[0].report() }

// prove verifies all there is to verify but the policy.
func (v *Verifier) prove(ctx context.Context, s exhibit) (proof, error) {
	if len(s.cert.Raw) > maxCertificateSize {
		return nil, fail(ErrMalformed, "the certificate has %d bytes, more than %d", len(s.cert.Raw), maxCertificateSize)
	}
	all, err := v.agreed(s.cert)
	if err != nil {
		return nil, err
	}
	if err := v.checkFrame(s, frameOf(all)); err != nil {
		return nil, err
	}
	var found proof
	for i := range all {
		j, err := v.judgeEvidence(ctx, &all[i])
		if err != nil {
			return nil, err
		}
		found = append(found, j)
	}
	return v.sorted(found)
}

// judgeEvidence verifies one quote, and that it speaks for the key.
func (v *Verifier) judgeEvidence(ctx context.Context, e *testimony) (*judgement, error) {
	b, _ := e.binding()
	j, err := v.authenticate(ctx, e.Quote, SGX)
	if err != nil {
		return nil, err
	}
	j.dialect = Dialect(b.Dialect)
	// Once more, of the bytes that have been verified: those that were read
	// before are the caller's.
	if err := j.report().carries(b.Data); err != nil {
		return nil, err
	}
	return j, nil
}

// sorted puts what is in an accepted dialect first, if all are of one enclave.
func (v *Verifier) sorted(all proof) (proof, error) {
	first := 0
	for i, j := range all {
		if !j.like(all[0]) {
			return nil, fail(ErrForged, "the certificate's quotes are of different enclaves or platforms")
		}
		if v.accepts(ratls.Binding{Dialect: ratls.Dialect(j.dialect)}) && !v.accepts(ratls.Binding{Dialect: ratls.Dialect(all[first].dialect)}) {
			first = i
		}
	}
	all[0], all[first] = all[first], all[0]
	return all, nil
}

// like reports whether two quotes are of the same enclave: in everything but
// what each of them says.
func (j *judgement) like(other *judgement) bool {
	a, b := j.verdict, other.verdict
	x, y := a.Body, b.Body
	x.ReportData, y.ReportData = [64]byte{}, [64]byte{}
	return x == y && a.Platform == b.Platform
}

// frameOf is what the certificate may be, by the strictest of its dialects.
func frameOf(all []testimony) ratls.Frame {
	b, _ := all[0].binding()
	frame := b.Dialect.Frame()
	for i := range all {
		b, _ := all[i].binding()
		frame = frame.And(b.Dialect.Frame())
	}
	return frame
}

// checkFrame checks what is not evidence. The enclave has signed its own
// certificate, so that its dates are the enclave's and not a middleman's;
// where an authority has, they are the authority's.
func (v *Verifier) checkFrame(s exhibit, frame ratls.Frame) error {
	if s.cert.IsCA {
		return fail(ErrForged, "the certificate is an authority's, which no enclave is")
	}
	if err := checkKey(s.cert.PublicKey, frame.RSA); err != nil {
		return err
	}
	if !s.chained && !selfSigned(s.cert, frame.SHA1) {
		return fail(ErrForged, "the certificate is not signed with its own key, with a current algorithm, "+
			"and an authority's signature counts only where the TLS configuration verifies chains")
	}
	return v.checkDates(s.cert, frame)
}

// Bounds of RSA keys: one that fills a certificate keeps a core busy for seconds.
const (
	minRSABits = 2048
	maxRSABits = 4096
)

func checkKey(key any, allowRSA bool) error {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		if k.Curve.Params().BitSize >= 256 {
			return nil
		}
	case ed25519.PublicKey:
		return nil
	case *rsa.PublicKey:
		n := k.N.BitLen()
		if n < minRSABits || n > maxRSABits {
			return fail(ErrUnsupported, "the certificate's RSA key has %d bits: only those of %d to %d are accepted", n, minRSABits, maxRSABits)
		}
		if allowRSA {
			return nil
		}
	}
	return fail(ErrUnsupported, "the certificate's key is of a kind that enclaves of its dialect do not have; have it made with P-256")
}

// selfSigned checks the signature itself: x509 would take a certificate that is
// its own root for good whatever its signature. It also takes SHA-1 for good
// when asked for a signature alone.
func selfSigned(cert *x509.Certificate, allowSHA1 bool) bool {
	switch cert.SignatureAlgorithm {
	case x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.DSAWithSHA1:
		if !allowSHA1 {
			return false
		}
	}
	return cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) == nil
}

func (v *Verifier) checkDates(cert *x509.Certificate, frame ratls.Frame) error {
	now, from, most := v.now(), cert.NotBefore, frame.MaxLife
	if frame.Undated > 0 && from.Year() <= 1 {
		from, most = now, frame.Undated
	}
	if v.MaxLife > 0 {
		most = v.MaxLife
	}
	switch {
	case now.Before(from) || now.After(cert.NotAfter):
		return fail(ErrForged, "the certificate is valid from %s to %s only: the enclave has not renewed it, or the clock is wrong",
			cert.NotBefore.Format(time.RFC3339), cert.NotAfter.Format(time.RFC3339))
	case cert.NotAfter.Sub(from) > most:
		return fail(ErrForged, "the certificate is valid from %s to %s, for longer than the %d days accepted: have it made for less",
			cert.NotBefore.Format(time.RFC3339), cert.NotAfter.Format(time.RFC3339), int(most.Hours()/24))
	}
	return nil
}
