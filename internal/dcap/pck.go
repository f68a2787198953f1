package dcap

import (
	"bytes"
	"crypto/x509"
	"fmt"
)

// PCKChain is the provisioning certification key's certificate (PCK) with its
// issuers. It is not verified before [Memory.Verify] says so.
type PCKChain struct {
	Leaf, CA, Root *x509.Certificate
	Platform       Platform

	raw     []byte // as it was parsed
	issuers string // the other two certificates, for comparing
	path
}

// CA names, as collateral services know them.
const (
	PlatformCA  = "platform"
	ProcessorCA = "processor"
)

// Issuer returns PlatformCA or ProcessorCA: whose revocation list applies.
func (p *PCKChain) Issuer() string {
	if named(p.CA, namePlatformCA) {
		return PlatformCA
	}
	return ProcessorCA
}

// ParsePCKChain parses the chain in PEM, in whatever order it comes.
func ParsePCKChain(b []byte) (*PCKChain, error) {
	certs, ok := parseCertificates(b)
	if !ok {
		return nil, malformed("the certification data is not a list of PEM certificates")
	}
	switch {
	case !anyNamed(certs, nameRoot):
		return nil, forged("SGX_ROOT_CA_MISSING", "the PCK certificate chain has no certificate of an SGX root")
	case !anyNamed(certs, namePlatformCA, nameProcessorCA):
		return nil, forged("INTERMEDIATE_CA_MISSING", "the PCK certificate chain has no certificate of a PCK CA")
	case !anyNamed(certs, namePCK):
		return nil, forged("PCK_MISSING", "the PCK certificate chain has no PCK certificate")
	}
	chain, ok := order(certs, 3)
	if !ok {
		return nil, forged("PCK_CERT_CHAIN_UNTRUSTED", "the quote does not bring one chain of PCK, intermediate and root certificates")
	}
	return newPCKChain(chain, b)
}

func newPCKChain(chain []*x509.Certificate, raw []byte) (*PCKChain, error) {
	p := &PCKChain{Leaf: chain[0], CA: chain[1], Root: chain[2], raw: bytes.Clone(raw), issuers: string(chain[1].Raw) + string(chain[2].Raw), path: path{
		certs:     chain,
		kind:      ErrForged,
		what:      "the PCK certificate chain",
		issuers:   []string{"PCK_INVALID_ISSUER", "INTERMEDIATE_CA_INVALID_ISSUER", "ROOT_CA_INVALID_ISSUER"},
		untrusted: "PCK_CERT_CHAIN_UNTRUSTED",
		expired:   "PCK_CERT_CHAIN_EXPIRED",
	}}
	switch {
	case !named(p.Leaf, namePCK):
		return nil, forged("INVALID_PCK_CERT", "%s is not a PCK certificate", quoted(p.Leaf.Subject.CommonName))
	case !anyNamed(chain[1:2], namePlatformCA, nameProcessorCA):
		return nil, forged("PCK_INVALID_ISSUER", "%s is not a PCK CA", quoted(p.CA.Subject.CommonName))
	}
	platform, ok := parsePlatform(p.Leaf)
	if !ok {
		return nil, forged("INVALID_PCK_CERT", "the PCK certificate has no valid SGX extension")
	}
	p.Platform = platform
	return p, nil
}

// keep copies what a memory keys the chain by: it shares the quote's memory.
func (p *PCKChain) keep() *PCKChain {
	kept := *p
	kept.raw = bytes.Clone(p.raw)
	return &kept
}

// check verifies what time changes: that nothing in the chain is revoked or
// expired.
func (p *PCKChain) check(a anchor, d *Documents) error {
	switch {
	case d.rootCRL.revokes(p.CA):
		return forged("INTERMEDIATE_CA_REVOKED", "%s is revoked", quoted(p.CA.Subject.CommonName))
	case d.pckCRL.revokes(p.Leaf):
		return forged("PCK_REVOKED", "the machine's PCK certificate %x is revoked", p.Leaf.SerialNumber)
	}
	if err := p.inTime(a.now); err != nil {
		return err
	}
	if err := d.rootCRL.inTime(a); err != nil {
		return err
	}
	return d.pckCRL.inTime(a)
}

func quoted(name string) string { return fmt.Sprintf("%.80q", name) }
