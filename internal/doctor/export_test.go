package doctor

import (
	"crypto/x509"
	"encoding/hex"
)

// Trust puts another root in the place of Intel's.
func (n *Node) Trust(root *x509.Certificate) { n.root = root }

// Issuer is issuer.
func Issuer(escaped string, root []byte) (*x509.Certificate, error) { return issuer(escaped, root) }

// Beginning is what is kept of what a program prints.
type Beginning = beginning

// Kept is the FMSPC in what the quote provider has kept.
func Kept(b []byte) (fmspc string, ok bool) {
	chain, ok := keptChain(b)
	if !ok {
		return "", false
	}
	return hex.EncodeToString(chain.Platform.FMSPC[:]), true
}
