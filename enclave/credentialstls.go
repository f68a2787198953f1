package enclave

import (
	"crypto/tls"

	"github.com/cleave-sdk/cleave/attest"
)

const nilVerifier = "enclave: a nil Verifier trusts nobody in particular: say which enclaves are meant"

// ServerTLS returns a configuration for servers, a new one for every call,
// for the caller to complete. It leaves NextProtos alone, so that http.Server
// offers HTTP/2. It requires TLS 1.3 and has no session tickets: clients would
// not see the evidence of a resumed session.
//
// Certificates must stay empty: crypto/tls prefers them to the one with the
// evidence when a client sends no server name.
//
// With an authority's chain in use ([Request.UseChain]), clients that ask for a
// name in it are shown the chain, and no evidence: those that verify it connect
// without that name, or to a server that has EvidenceTLS.
func (c *Credentials) ServerTLS() *tls.Config {
	return c.serverTLS(func(hello *tls.ClientHelloInfo) string { return hello.ServerName })
}

// EvidenceTLS is ServerTLS for servers that show the certificate with the
// evidence whatever name a client asks for, and never an authority's chain. It
// is for the port of clients that verify evidence and connect by name.
func (c *Credentials) EvidenceTLS() *tls.Config {
	return c.serverTLS(func(*tls.ClientHelloInfo) string { return "" })
}

func (c *Credentials) serverTLS(named func(*tls.ClientHelloInfo) string) *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		SessionTicketsDisabled: true,
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.certificate(hello.Context(), named(hello))
		},
	}
}

// MutualTLS is ServerTLS for servers to which only enclaves that v trusts may
// connect. [attest.Verifier.Report] of a request's TLS field says which it is.
// It panics if v is nil.
//
// Inside an enclave v's clock is the host's: see [attest.Policy.MinEvaluation].
func (c *Credentials) MutualTLS(v *attest.Verifier) *tls.Config {
	if v == nil {
		panic(nilVerifier)
	}
	config, err := v.AddTo(c.ServerTLS())
	if err != nil {
		panic(err) // ServerTLS has nothing that cannot be added to
	}
	return config
}

// ClientTLS returns a configuration for clients, a new one for every call, that
// shows the evidence and connects only to enclaves that v trusts. It panics if v
// is nil.
//
// That the server has refused this enclave shows in the first read, not in the
// handshake or in writes.
func (c *Credentials) ClientTLS(v *attest.Verifier) *tls.Config {
	if v == nil {
		panic(nilVerifier)
	}
	config := v.TLSConfig()
	config.GetClientCertificate = func(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return c.certificate(request.Context(), "")
	}
	return config
}
