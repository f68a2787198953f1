package enclave

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Bounds of what an authority's answer may be, which comes through the host.
const (
	maxChain     = 8
	maxChainSize = 64 << 10
)

var (
	errNames     = errors.New("enclave: a certificate request needs DNS names or IP addresses: connections that ask for them get its certificate")
	errChain     = errors.New("enclave: the chain is not one of 1 to 8 certificates in 64 KiB, the request's first, each signed by the next")
	errChainKey  = errors.New("enclave: the chain is for another key than the request's")
	errChainCA   = errors.New("enclave: the chain's first certificate is an authority's, which clients that verify evidence refuse; have one for a server issued")
	errChainName = errors.New("enclave: the chain has no name that was requested")
)

// Request is a key made inside the enclave, and a request to an authority to
// certify it.
type Request struct {
	// Raw is the request, PKCS #10 in DER.
	Raw []byte

	source *source
	key    *key
	names  []string
}

// Request makes a new key and a request to have it certified for the names in
// the template, by an ACME authority for example. What the authority answers is
// put to use by [Request.UseChain]; until then nothing changes.
//
// An authority proves who runs a service, and evidence what it runs. With a
// chain in use, one key has both: connections that ask for one of its names
// (SNI) are shown the chain, as browsers need it, and all others the certificate
// with evidence for the same key. So clients that verify evidence and send one of
// these names, as most do that dial it, are refused by their own verifier from
// then on: serve them [Credentials.EvidenceTLS] at a port of its own. Who wants
// both in one connection uses an [attest.Session] over [Credentials.ServerTLS]; or
// an authority of one's own that copies the evidence: see
// [Credentials.AttestedRequest].
//
// The key then stays as long as the chain is valid, and only its quote is
// renewed. To renew the chain, make another request. A chain that has expired is
// not shown any more.
func (c *Credentials) Request(template *x509.CertificateRequest) (*Request, error) {
	return c.request(template, func(*key) ([]pkix.Extension, error) { return nil, nil })
}

// AttestedRequest is Request with the evidence in the request, as certificate
// extensions. It is for authorities that verify the evidence before they sign,
// and copy it: one certificate is then both named and attested, as
// [attest.Verifier.AddTo] can require. The evidence in it is as old as it is.
// Public authorities ignore such extensions, or refuse them.
func (c *Credentials) AttestedRequest(ctx context.Context, template *x509.CertificateRequest) (*Request, error) {
	return c.request(template, func(k *key) ([]pkix.Extension, error) {
		return evidenceOf(ctx, c.source.platform, k, c.source.options.Dialects)
	})
}

func (c *Credentials) request(template *x509.CertificateRequest, evidence func(*key) ([]pkix.Extension, error)) (*Request, error) {
	if c.source == nil {
		return nil, errCredentials
	}
	if template == nil {
		return nil, errNames
	}
	names := namesOf(template)
	if len(names) == 0 {
		return nil, errNames
	}
	k, err := newKey()
	if err != nil {
		return nil, fmt.Errorf("enclave: key: %w", err)
	}
	extensions, err := evidence(k)
	if err != nil {
		return nil, err
	}
	full := *template
	full.ExtraExtensions = append(slices.Clone(template.ExtraExtensions), extensions...)
	der, err := x509.CreateCertificateRequest(rand.Reader, &full, k)
	if err != nil {
		return nil, fmt.Errorf("enclave: certificate request: %w", err)
	}
	return &Request{Raw: der, source: c.source, key: k, names: names}, nil
}

func namesOf(r *x509.CertificateRequest) []string {
	names := slices.Clone(r.DNSNames)
	for _, ip := range r.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

// UseChain puts the authority's certificate and those of its intermediates (DER,
// the request's own first, as ACME clients return them) to use, together with
// new evidence for the same key, which it has made. If that fails, nothing has
// changed. If not, [Credentials.ServerTLS] shows no evidence any more to clients
// that ask for a name in the chain: see [Credentials.Request].
//
// That the chain ends in an authority anybody trusts is for clients to verify.
func (r *Request) UseChain(ctx context.Context, chain [][]byte) error {
	if r.source == nil {
		return errCredentials
	}
	cert, err := r.certificate(chain, r.source.now())
	if err != nil {
		return err
	}
	next, err := r.source.issue(ctx, r.key, nil)
	if err != nil {
		return err
	}
	next.chain = cert
	return r.source.use(next)
}

func (s *source) use(next *issued) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil {
		return errClosed
	}
	s.replace(next)
	return nil
}

// certificate is the chain with the request's key, if it belongs to that.
func (r *Request) certificate(chain [][]byte, now time.Time) (*tls.Certificate, error) {
	parsed, err := parseChain(chain)
	if err != nil {
		return nil, err
	}
	leaf := parsed[0]
	if !r.key.public.Equal(leaf.PublicKey) {
		return nil, errChainKey
	}
	if leaf.IsCA {
		return nil, errChainCA
	}
	cert := &tls.Certificate{PrivateKey: r.key, Leaf: leaf}
	for _, c := range parsed {
		cert.Certificate = append(cert.Certificate, c.Raw)
	}
	if !valid(cert, now) {
		return nil, fmt.Errorf("enclave: the chain is valid from %s to %s only", leaf.NotBefore.Format(time.RFC3339), leaf.NotAfter.Format(time.RFC3339))
	}
	if !slices.ContainsFunc(r.names, func(name string) bool { return leaf.VerifyHostname(name) == nil }) {
		return nil, errChainName
	}
	return cert, nil
}

func parseChain(chain [][]byte) (parsed []*x509.Certificate, err error) {
	if len(chain) == 0 || len(chain) > maxChain || len(bytes.Join(chain, nil)) > maxChainSize {
		return nil, errChain
	}
	for i, der := range chain {
		cert, err := x509.ParseCertificate(bytes.Clone(der))
		if err != nil {
			return nil, fmt.Errorf("enclave: certificate %d of the chain: %w", i, err)
		}
		if i > 0 && parsed[i-1].CheckSignatureFrom(cert) != nil {
			return nil, errChain
		}
		parsed = append(parsed, cert)
	}
	return parsed, nil
}
