package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/cleave-sdk/cleave/attest"
)

// subject is the evidence that is asked about: a quote, or a certificate that
// has one in it.
type subject struct {
	quote []byte
	err   error // why there is no quote

	certificate *x509.Certificate
	evidence    []attest.Evidence // all that the certificate has
	server      string            // that has shown the certificate, if one has
	protocol    string
}

// dialTimeout bounds the TLS handshake with a server.
const dialTimeout = 15 * time.Second

// readSubject reads a file or, where there is no such file, asks the server
// HOST:PORT.
func readSubject(name string) (*subject, error) {
	_, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) && isAddress(name) {
		return askServer(name)
	}
	b, err := readFile(name)
	if err != nil {
		return nil, err
	}
	return parseSubject(b), nil
}

func isAddress(name string) bool {
	host, port, err := net.SplitHostPort(name)
	_, portErr := strconv.ParseUint(port, 10, 16)
	return err == nil && portErr == nil && host != ""
}

// askServer completes a handshake, which proves that the server holds the key
// of its certificate, and nothing else.
func askServer(address string) (*subject, error) {
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}}
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s shows no certificate: %w", address, err)
	}
	defer conn.Close()
	state := conn.(*tls.Conn).ConnectionState()
	s := certified(state.PeerCertificates[0])
	s.server, s.protocol = address, tls.VersionName(state.Version)
	return s, nil
}

// parseSubject tells certificates from quotes by how they begin. PEM is not
// searched for: every quote has certificates in PEM in it.
func parseSubject(b []byte) *subject {
	text := bytes.TrimLeft(b, " \t\r\n")
	der := b
	switch {
	case bytes.HasPrefix(text, []byte("-----BEGIN CERTIFICATE-----")):
		first, ok := firstPEM(text)
		if !ok {
			return &subject{err: unreadableCertificate(errors.New("not PEM"))}
		}
		der = first // the leaf
	case len(b) == 0 || b[0] != 0x30: // a sequence in DER; no version of quotes
		return &subject{quote: b}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return &subject{err: unreadableCertificate(err)}
	}
	return certified(cert)
}

// firstPEM decodes the certificate that text begins with. Package pem would go
// on to the next that it can read.
func firstPEM(text []byte) (der []byte, ok bool) {
	const end = "-----END CERTIFICATE-----"
	n := bytes.Index(text, []byte(end))
	if n < 0 || bytes.Count(text[:n], []byte("-----BEGIN ")) != 1 {
		return nil, false
	}
	block, rest := pem.Decode(text[:n+len(end)])
	if block == nil || len(rest) > 0 {
		return nil, false
	}
	return block.Bytes, true
}

func unreadableCertificate(err error) error {
	return fmt.Errorf("%w: the certificate cannot be read: %w; have it sent again, whole", attest.ErrMalformed, err)
}

func certified(cert *x509.Certificate) *subject {
	s := &subject{certificate: cert}
	if s.evidence, s.err = attest.CertificateEvidence(cert); s.err == nil {
		s.quote = s.evidence[0].Quote
	}
	return s
}

// report verifies the quote, and what binds it to the certificate.
func (s *subject) report(ctx context.Context, v *attest.Verifier) (*attest.Report, error) {
	if s.certificate != nil {
		return v.AuthenticateCertificate(ctx, s.certificate)
	}
	return v.Authenticate(ctx, s.quote)
}
