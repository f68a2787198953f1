package dcap

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Platform is what a PCK certificate says of the machine it was issued to.
type Platform struct {
	FMSPC      [6]byte  // family, model, stepping, platform type, custom SKU
	PCEID      [2]byte  // of the provisioning certification enclave
	PPID       [16]byte // the machine
	Components [16]uint8
	PCESVN     uint16
	CPUSVN     [16]byte
	SGXType    int // 0 standard, 1 scalable, 2 scalable with integrity
}

// PCKChain is the provisioning certification key's certificate (PCK) with its
// issuers. It is not verified before [Verify] says so.
type PCKChain struct {
	Leaf, CA, Root *x509.Certificate
	Platform       Platform
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

func parsePCKChain(b []byte) (*PCKChain, error) {
	certs, ok := parseCertificates(b)
	if !ok {
		return nil, malformed("the certification data is not a list of PEM certificates")
	}
	chain, ok := order(certs, 3)
	if !ok {
		return nil, forged("PCK_CERT_CHAIN_UNTRUSTED", "the quote does not bring one chain of PCK, intermediate and root certificates")
	}
	p := &PCKChain{Leaf: chain[0], CA: chain[1], Root: chain[2]}
	switch {
	case !named(p.Leaf, namePCK):
		return nil, forged("PCK_MISSING", "%s is not a PCK certificate", quoted(p.Leaf.Subject.CommonName))
	case !named(p.CA, namePlatformCA) && !named(p.CA, nameProcessorCA):
		return nil, forged("INTERMEDIATE_CA_MISSING", "%s is not a PCK CA", quoted(p.CA.Subject.CommonName))
	case !named(p.Root, nameRoot):
		return nil, forged("SGX_ROOT_CA_MISSING", "%s is not an SGX root", quoted(p.Root.Subject.CommonName))
	}
	platform, ok := parsePlatform(p.Leaf)
	if !ok {
		return nil, forged("INVALID_PCK_CERT", "the PCK certificate has no valid SGX extension")
	}
	p.Platform = platform
	return p, nil
}

// check verifies the chain and that nothing in it is revoked.
func (p *PCKChain) check(a anchor, rootCRL, pckCRL *x509.RevocationList) error {
	if reason := a.checkChain([]*x509.Certificate{p.Leaf, p.CA, p.Root}); reason != "" {
		return forged("PCK_CERT_CHAIN_UNTRUSTED", "the PCK certificate chain: %s", reason)
	}
	if err := a.checkCRL("root CA", rootCRL, p.Root); err != nil {
		return err
	}
	if err := a.checkCRL("PCK", pckCRL, p.CA); err != nil {
		return err
	}
	if revokes(rootCRL, p.CA) {
		return forged("INTERMEDIATE_CA_REVOKED", "%s is revoked", quoted(p.CA.Subject.CommonName))
	}
	if revokes(pckCRL, p.Leaf) {
		return forged("PCK_REVOKED", "the machine's PCK certificate %x is revoked", p.Leaf.SerialNumber)
	}
	return nil
}

func (p *PCKChain) notAfter() time.Time {
	return earliest(p.Leaf.NotAfter, p.CA.NotAfter, p.Root.NotAfter)
}

var oidSGX = asn1.ObjectIdentifier{1, 2, 840, 113741, 1, 13, 1}

// parsePlatform reads Intel's SGX extension: a sequence of identifiers below
// its own, each with a value. Some certificates have more of them than others.
func parsePlatform(cert *x509.Certificate) (Platform, bool) {
	var p Platform
	for _, e := range cert.Extensions {
		if e.Id.Equal(oidSGX) {
			return p, readPairs(e.Value, oidSGX, p.read, 1, 2, 3, 4, 5)
		}
	}
	return p, false
}

func (p *Platform) read(id int, v *cryptobyte.String) bool {
	var sgxType int
	switch id {
	case 1:
		return readOctets(v, p.PPID[:])
	case 2:
		return readSequencePairs(v, append(oidSGX[:7:7], 2), p.readTCB, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)
	case 3:
		return readOctets(v, p.PCEID[:])
	case 4:
		return readOctets(v, p.FMSPC[:])
	case 5:
		ok := v.ReadASN1Enum(&sgxType)
		p.SGXType = sgxType
		return ok && sgxType >= 0 && sgxType <= 2
	case 6: // platform instance: nothing rests on it
		return v.SkipASN1(cbasn1.OCTET_STRING)
	case 7: // configuration: likewise
		return v.SkipASN1(cbasn1.SEQUENCE)
	}
	return false
}

func (p *Platform) readTCB(id int, v *cryptobyte.String) bool {
	switch {
	case id <= 16:
		return v.ReadASN1Integer(&p.Components[id-1])
	case id == 17:
		return v.ReadASN1Integer(&p.PCESVN)
	case id == 18:
		return readOctets(v, p.CPUSVN[:])
	}
	return false
}

func readOctets(v *cryptobyte.String, dst []byte) bool {
	var b cryptobyte.String
	return v.ReadASN1(&b, cbasn1.OCTET_STRING) && b.CopyBytes(dst) && b.Empty()
}

func readPairs(der []byte, prefix asn1.ObjectIdentifier, read func(int, *cryptobyte.String) bool, required ...int) bool {
	s := cryptobyte.String(der)
	return readSequencePairs(&s, prefix, read, required...) && s.Empty()
}

// readSequencePairs reads a sequence of pairs {prefix.id, value}. No id may
// come twice, and the required ones must come.
func readSequencePairs(s *cryptobyte.String, prefix asn1.ObjectIdentifier, read func(int, *cryptobyte.String) bool, required ...int) bool {
	var list, pair cryptobyte.String
	if !s.ReadASN1(&list, cbasn1.SEQUENCE) {
		return false
	}
	seen := map[int]bool{}
	for !list.Empty() {
		var oid asn1.ObjectIdentifier
		if !list.ReadASN1(&pair, cbasn1.SEQUENCE) || !pair.ReadASN1ObjectIdentifier(&oid) ||
			len(oid) != len(prefix)+1 || !oid[:len(prefix)].Equal(prefix) {
			return false
		}
		id := oid[len(prefix)]
		if id < 1 || seen[id] || !read(id, &pair) || !pair.Empty() {
			return false
		}
		seen[id] = true
	}
	for _, id := range required {
		if !seen[id] {
			return false
		}
	}
	return true
}

func quoted(name string) string { return fmt.Sprintf("%.80q", name) }

func earliest(t time.Time, more ...time.Time) time.Time {
	for _, u := range more {
		if u.Before(t) {
			t = u
		}
	}
	return t
}
