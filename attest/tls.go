package attest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"time"
)

const (
	// defaultTimeout is generous: it is mostly the wait for collateral.
	defaultTimeout = 30 * time.Second
	// maxChain bounds what a peer shows: a certificate, and those of the
	// authorities that may have signed it. crypto/tls reads up to 256 KiB.
	maxChain = 4
)

// TLSConfig returns a configuration that completes a handshake only with
// enclaves the policy trusts, for clients and for servers: TLS 1.3, no
// resumption, and a server requires a certificate of its clients. The peer's
// name is not verified, nor any certificate authority asked; the evidence in the
// certificate takes their place. To have both, see [Verifier.AddTo].
//
// Each handshake takes at most [Verifier.Timeout] to verify, unless a [Source]
// ignores its context, and little where the verdict on the certificate is known:
// see [Verifier]. A connection that has been
// verified stays open however long it lasts. A server's refusal
// reaches a client of TLS 1.3 with its first read: its handshake is complete
// before the server has looked at its certificate.
//
// A certificate proves that its key is an enclave's, and the handshake that the
// peer has the key. That the evidence is of now is not proved: it is as old as
// the certificate.
func (v *Verifier) TLSConfig() *tls.Config {
	return v.guard(&tls.Config{InsecureSkipVerify: true}) // VerifyConnection takes its place
}

// AddTo returns a copy of base that completes a handshake only with enclaves
// the policy trusts, beside everything that base asks for. It serves clients
// and servers.
//
// Nothing is taken away: where base verifies chains and names, as it does
// unless InsecureSkipVerify is set, or ClientAuth does not verify, the peer
// needs a certificate of an authority that has the evidence too, over the same
// key. That is the way to have an attested and a named peer at once. Base's own
// VerifyPeerCertificate and VerifyConnection are called, the latter for peers
// that have been verified. NextProtos and certificates stay as they are, and
// so does KeyLogWriter: whoever has what it writes can read the connections.
//
// TLS 1.3 is required, sessions are not resumed, and servers require a
// certificate. It is an error if base cannot be had with that: if it ends below
// TLS 1.3, keeps sessions, or answers with other configurations
// (GetConfigForClient), which are the ones to add to.
func (v *Verifier) AddTo(base *tls.Config) (*tls.Config, error) {
	if base == nil {
		return nil, errors.New("attest: no TLS configuration to add to: use TLSConfig")
	}
	if err := conflict(base); err != nil {
		return nil, err
	}
	return v.guard(base.Clone()), nil
}

func conflict(c *tls.Config) error {
	switch {
	case c.MaxVersion != 0 && c.MaxVersion < tls.VersionTLS13:
		return errors.New("attest: attested TLS is TLS 1.3, and the configuration's MaxVersion is below: leave it out")
	case c.ClientSessionCache != nil || c.WrapSession != nil || c.UnwrapSession != nil:
		return errors.New("attest: attested TLS does not resume sessions: leave ClientSessionCache, WrapSession and UnwrapSession out")
	case c.GetConfigForClient != nil:
		return errors.New("attest: the configurations that GetConfigForClient returns are used in the place of this one: add to each of them, and leave it out here")
	}
	return nil
}

// guard changes c.
func (v *Verifier) guard(c *tls.Config) *tls.Config {
	if v == nil {
		panic("attest: a nil Verifier verifies nothing")
	}
	c.MinVersion = tls.VersionTLS13
	c.SessionTicketsDisabled = true
	c.ClientAuth = required(c.ClientAuth)
	and := c.VerifyConnection
	c.VerifyConnection = func(cs tls.ConnectionState) error {
		if _, err := v.Report(cs); err != nil {
			return err
		}
		if and != nil {
			return and(cs)
		}
		return nil
	}
	return c
}

// required asks for a certificate, and for a verified chain where that was
// asked for.
func required(t tls.ClientAuthType) tls.ClientAuthType {
	switch t {
	case tls.VerifyClientCertIfGiven, tls.RequireAndVerifyClientCert:
		return tls.RequireAndVerifyClientCert
	}
	return tls.RequireAnyClientCert
}

// Report verifies the certificate of the peer in cs, such as the TLS field of
// an [http.Request] or [http.Response], and returns what it says. For a peer
// that has just been verified it costs little, and it is how the Verifier learns
// that a handshake has been complete: verdicts on such peers are not forgotten
// for those on certificates that anybody may show.
//
// It proves whose certificate it is. That the peer holds the certificate's key
// is proved by the handshake, and only once that has completed. A resumed
// session is refused, since it has shown nothing.
//
// The certificate must be signed with its own key or, if cs has verified
// chains, by an authority.
func (v *Verifier) Report(cs tls.ConnectionState) (*Report, error) {
	if err := checkShown(cs.PeerCertificates); err != nil {
		return nil, err
	}
	if cs.DidResume {
		return nil, fail(ErrUnsupported, "the connection resumes an earlier session and has shown no evidence: set SessionTicketsDisabled")
	}
	ctx, cancel := context.WithTimeout(context.Background(), v.timeout())
	defer cancel()
	return v.trust(ctx, exhibit{cs.PeerCertificates[0], len(cs.VerifiedChains) > 0, cs.HandshakeComplete})
}

func checkShown(chain []*x509.Certificate) error {
	size := 0
	for _, cert := range chain {
		size += len(cert.Raw)
	}
	switch {
	case len(chain) == 0:
		return fail(ErrMalformed, "the peer has shown no certificate")
	case len(chain) > maxChain || size > maxCertificateSize:
		return fail(ErrMalformed, "the peer has shown %d certificates of %d bytes, more than %d or %d", len(chain), size, maxChain, maxCertificateSize)
	}
	return nil
}

func (v *Verifier) timeout() time.Duration {
	if v.Timeout <= 0 {
		return defaultTimeout
	}
	return v.Timeout
}
