package dcap

import (
	"crypto/x509"
	"encoding/asn1"

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

	// What follows only certificates of scalable platforms say, not all of them.
	InstanceID [16]byte // zero where they do not
	Dynamic    Fact     // packages can be added
	CachedKeys Fact     // Intel keeps its root keys
	SMT        Fact     // simultaneous multithreading is on
}

// A Fact is yes, no, or, as the zero Fact, not known.
type Fact struct{ Known, Value bool }

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
	case 6:
		return readOctets(v, p.InstanceID[:])
	case 7:
		return readSequencePairs(v, append(oidSGX[:7:7], 7), p.readConfiguration)
	}
	return false
}

func (p *Platform) readConfiguration(id int, v *cryptobyte.String) bool {
	switch id {
	case 1:
		return p.Dynamic.read(v)
	case 2:
		return p.CachedKeys.read(v)
	case 3:
		return p.SMT.read(v)
	}
	return false
}

func (f *Fact) read(v *cryptobyte.String) bool {
	f.Known = true
	return v.ReadASN1Boolean(&f.Value)
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
