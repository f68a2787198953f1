package attest

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
)

var (
	errNoTLS       = errors.New(configureSession + "a server needs TLS, with a certificate of any kind")
	errOldTLS      = errors.New(configureSession + "TLS has a MaxVersion below TLS 1.3, which is required")
	errCertificate = errors.New(configureSession + "no certificate to show")
)

// shown is the public key that this end's certificate in a handshake has.
// crypto/tls does not say which one it has used, so that it is seen being
// chosen.
type shown struct{ spki []byte }

func (s *shown) see(cert *tls.Certificate) error {
	s.spki = nil
	if cert == nil || len(cert.Certificate) == 0 {
		return nil
	}
	leaf := cert.Leaf
	if leaf == nil || !bytes.Equal(leaf.Raw, cert.Certificate[0]) {
		var err error
		if leaf, err = x509.ParseCertificate(cert.Certificate[0]); err != nil {
			return err
		}
	}
	s.spki = leaf.RawSubjectPublicKeyInfo
	return nil
}

func (s *Session) clientConfig(name string, own *shown) (*tls.Config, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	base := s.TLS
	if base == nil {
		base = &tls.Config{InsecureSkipVerify: s.Peer != nil} // its evidence takes the place of an authority's word
	}
	config, err := hardened(base)
	if err != nil {
		return nil, err
	}
	if config.ServerName == "" {
		config.ServerName = name
	}
	config.GetClientCertificate = func(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		cert, err := chooseForServer(base, request)
		if err != nil {
			return nil, err
		}
		return cert, own.see(cert)
	}
	return config, nil
}

func (s *Session) serverConfig(own *shown) (*tls.Config, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if s.TLS == nil {
		return nil, errNoTLS
	}
	config, err := seen(s.TLS, own)
	if err != nil {
		return nil, err
	}
	if choose := s.TLS.GetConfigForClient; choose != nil {
		config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			other, err := choose(hello)
			if err != nil || other == nil {
				return nil, err
			}
			return seen(other, own)
		}
	}
	return config, nil
}

// seen is base for one handshake of a server.
func seen(base *tls.Config, own *shown) (*tls.Config, error) {
	config, err := hardened(base)
	if err != nil {
		return nil, err
	}
	config.Certificates = nil
	config.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		cert, err := chooseForClient(base, hello)
		if err != nil {
			return nil, err
		}
		return cert, own.see(cert)
	}
	return config, nil
}

// hardened is base without what would let a connection begin in another way
// than with a full handshake of TLS 1.3, which is all that can be bound.
func hardened(base *tls.Config) (*tls.Config, error) {
	if base.MaxVersion != 0 && base.MaxVersion < tls.VersionTLS13 {
		return nil, errOldTLS
	}
	c := base.Clone()
	c.MinVersion = tls.VersionTLS13
	c.SessionTicketsDisabled = true        // with a ClientSessionCache too
	c.Renegotiation = tls.RenegotiateNever // TLS 1.3 has none, but crypto/tls exports nothing otherwise
	return c, nil
}

// chooseForClient is how crypto/tls chooses a server's certificate.
func chooseForClient(base *tls.Config, hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if base.GetCertificate != nil && (len(base.Certificates) == 0 || hello.ServerName != "") {
		if cert, err := base.GetCertificate(hello); cert != nil || err != nil {
			return cert, err
		}
	}
	if len(base.Certificates) == 0 {
		return nil, errCertificate
	}
	for i := range base.Certificates {
		if hello.SupportsCertificate(&base.Certificates[i]) == nil {
			return &base.Certificates[i], nil
		}
	}
	return &base.Certificates[0], nil
}

// chooseForServer is how crypto/tls chooses a client's. None is one without a
// chain.
func chooseForServer(base *tls.Config, request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
	if base.GetClientCertificate != nil {
		return base.GetClientCertificate(request)
	}
	for i := range base.Certificates {
		if request.SupportsCertificate(&base.Certificates[i]) == nil {
			return &base.Certificates[i], nil
		}
	}
	return new(tls.Certificate), nil
}
