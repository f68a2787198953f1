package issue

import (
	"crypto/x509/pkix"
	"encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	tag "golang.org/x/crypto/cryptobyte/asn1"
)

// OIDSGX is the identifier of the extension in which a PCK certificate says
// what platform it is for.
func OIDSGX() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{1, 2, 840, 113741, 1, 13, 1}
}

// SGXType is how a platform protects its memory.
type SGXType int

// The values of Intel's profile.
const (
	Standard              SGXType = 0
	Scalable              SGXType = 1
	ScalableWithIntegrity SGXType = 2
)

// Platform is a processor package, or several that share their keys, as a PCK
// certificate describes it.
type Platform struct {
	PPID       [16]byte
	Components [16]uint8 // SVNs of the TCB, compared one by one with those of TCB info
	PCESVN     uint16
	CPUSVN     [16]byte
	PCEID      [2]byte
	FMSPC      [6]byte
	Type       SGXType

	// What follows is written unless Type is Standard.
	InstanceID [16]byte
	Dynamic    bool // packages can be added
	CachedKeys bool // Intel keeps its root keys
	SMT        bool // simultaneous multithreading is on
}

// Extension is Intel's SGX extension for p.
func (p *Platform) Extension() (pkix.Extension, error) {
	var list extensionList
	list.add(OIDSGX(), false, func(b *cryptobyte.Builder) {
		b.AddASN1(tag.SEQUENCE, p.appendFields)
	})
	return list.list[0], list.err
}

func (p *Platform) appendFields(b *cryptobyte.Builder) {
	appendField(b, octets(p.PPID[:]), 1)
	appendField(b, p.appendTCB, 2)
	appendField(b, octets(p.PCEID[:]), 3)
	appendField(b, octets(p.FMSPC[:]), 4)
	appendField(b, func(b *cryptobyte.Builder) { b.AddASN1Enum(int64(p.Type)) }, 5)
	if p.Type != Standard {
		appendField(b, octets(p.InstanceID[:]), 6)
		appendField(b, p.appendConfiguration, 7)
	}
}

func (p *Platform) appendTCB(b *cryptobyte.Builder) {
	b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) {
		for i, svn := range p.Components {
			appendField(b, integer(uint64(svn)), 2, i+1)
		}
		appendField(b, integer(uint64(p.PCESVN)), 2, 17)
		appendField(b, octets(p.CPUSVN[:]), 2, 18)
	})
}

func (p *Platform) appendConfiguration(b *cryptobyte.Builder) {
	b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) {
		for i, set := range []bool{p.Dynamic, p.CachedKeys, p.SMT} {
			appendField(b, func(b *cryptobyte.Builder) { b.AddASN1Boolean(set) }, 7, i+1)
		}
	})
}

// appendField writes the pair of an identifier below OIDSGX and its value.
func appendField(b *cryptobyte.Builder, value cryptobyte.BuilderContinuation, id ...int) {
	b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(append(OIDSGX(), id...))
		value(b)
	})
}

func octets(v []byte) cryptobyte.BuilderContinuation {
	return func(b *cryptobyte.Builder) { b.AddASN1OctetString(v) }
}

func integer(v uint64) cryptobyte.BuilderContinuation {
	return func(b *cryptobyte.Builder) { b.AddASN1Uint64(v) }
}
