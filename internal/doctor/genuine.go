package doctor

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/url"
	"strings"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/dcap"
)

// genuine verifies signatures up to the root. Who signed the list of PCK
// certificates is known if the service shows it, or by a quote.
func (n *Node) genuine(c *attest.Collateral, issuers string) (listed bool, err error) {
	root := dcap.IntelRoot()
	if n.root != nil {
		root = n.root.RawSubjectPublicKeyInfo
	}
	documents, err := dcap.ParseCollateral(dcap.Collateral(*c))
	if err != nil {
		return false, err
	}
	if err := documents.SignedUnder(root); err != nil || issuers == "" {
		return false, err
	}
	authority, err := issuer(issuers, root)
	if err != nil {
		return false, err
	}
	return true, documents.PCKListSignedBy(authority)
}

var errIssuer = errors.New("nobody below the root that is trusted is shown to have signed the list of PCK certificates")

// issuer is the authority in a chain of its certificate and the root's, in
// either order, as a service shows it beside the list. This clock has no say: if it is wrong, that
// is another finding.
func issuer(escaped string, root []byte) (*x509.Certificate, error) {
	unescape := url.PathUnescape
	if strings.Contains(escaped, "BEGIN+CERTIFICATE") {
		unescape = url.QueryUnescape
	}
	text, err := unescape(escaped)
	first, rest := pem.Decode([]byte(text))
	second, _ := pem.Decode(rest)
	if err != nil || first == nil || second == nil {
		return nil, errIssuer
	}
	authority, err := x509.ParseCertificate(first.Bytes)
	top, topErr := x509.ParseCertificate(second.Bytes)
	if err != nil || topErr != nil {
		return nil, errIssuer
	}
	if selfIssued(authority) {
		authority, top = top, authority
	}
	if selfIssued(authority) || !bytes.Equal(top.RawSubjectPublicKeyInfo, root) {
		return nil, errIssuer
	}
	roots := x509.NewCertPool()
	roots.AddCert(top)
	if _, err := authority.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: authority.NotBefore, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		return nil, errIssuer
	}
	return authority, nil
}

// selfIssued reports whether c is a root's. That of Intel signs a list too, of
// other certificates.
func selfIssued(c *x509.Certificate) bool { return bytes.Equal(c.RawSubject, c.RawIssuer) }
