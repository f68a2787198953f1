package dcap_test

import (
	"encoding/asn1"
	"fmt"
	"slices"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	tag "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/issue"
)

// A field is one pair of Intel's SGX extension: the end of its identifier and
// its value in DER.
type field struct {
	id    []int
	value []byte
}

func value(add func(*cryptobyte.Builder)) []byte {
	var b cryptobyte.Builder
	add(&b)
	return b.BytesOrPanic()
}

func octets(n int) []byte {
	return value(func(b *cryptobyte.Builder) { b.AddASN1OctetString(make([]byte, n)) })
}

func integer(n int64) []byte { return value(func(b *cryptobyte.Builder) { b.AddASN1Int64(n) }) }

func enum(n int64) []byte { return value(func(b *cryptobyte.Builder) { b.AddASN1Enum(n) }) }

func sequence(fields ...field) []byte {
	return value(func(b *cryptobyte.Builder) {
		b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, f := range fields {
				b.AddBytes(f.pair())
			}
		})
	})
}

func (f field) pair() []byte {
	oid := f.id
	if len(f.id) < 4 { // not a whole identifier
		oid = append(issue.OIDSGX(), f.id...)
	}
	return value(func(b *cryptobyte.Builder) {
		b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oid)
			b.AddBytes(f.value)
		})
	})
}

func tcbFields() []field {
	var fields []field
	for i := 1; i <= 16; i++ {
		fields = append(fields, field{[]int{2, i}, integer(int64(i))})
	}
	return append(fields, field{[]int{2, 17}, integer(13)}, field{[]int{2, 18}, octets(16)})
}

// platformFields are good in every respect but that they are for a platform
// of FMSPC 000000000000.
func platformFields() []field {
	return []field{
		{[]int{1}, octets(16)},
		{[]int{2}, sequence(tcbFields()...)},
		{[]int{3}, octets(2)},
		{[]int{4}, octets(6)},
		{[]int{5}, enum(0)},
	}
}

func TestPlatform(t *testing.T) {
	accept := map[string]change{
		"minimal":                  platformOf(platformFields()...),
		"with platform instance":   platformOf(append(platformFields(), field{[]int{6}, octets(16)}, field{[]int{7}, sequence()})...),
		"in another order":         platformOf(reversed(platformFields())...),
		"TCB in another order":     platformOf(with(2, sequence(reversed(tcbFields())...))...),
		"scalable":                 platformOf(with(5, enum(1))...),
		"scalable with integrity":  platformOf(with(5, enum(2))...),
		"SVNs as large as can be":  platformOf(with(2, sequence(withTCB(17, integer(65535))...))...),
		"component of 255":         platformOf(with(2, sequence(withTCB(16, integer(255))...))...),
		"issued as scalable":       func(s *scene) { s.platform.Type = issue.ScalableWithIntegrity },
		"issued with all its bits": func(s *scene) { s.platform.Type, s.platform.Dynamic, s.platform.SMT = issue.Scalable, true, true },
	}
	accepted(t, accept)

	refuse := map[string]change{
		"no extension": func(s *scene) {
			s.pckProfile.Omit = []asn1.ObjectIdentifier{issue.OIDSGX()}
		},
		"empty":                       func(s *scene) { s.extension = []byte{} },
		"not a sequence":              func(s *scene) { s.extension = octets(16) },
		"trailing byte":               func(s *scene) { s.extension = append(sequence(platformFields()...), 0) },
		"trailing byte in the list":   func(s *scene) { s.extension = within(sequence(platformFields()...), []byte{0}) },
		"unknown field":               platformOf(append(platformFields(), field{[]int{8}, octets(1)})...),
		"field zero":                  platformOf(append(platformFields(), field{[]int{0}, octets(1)})...),
		"field of someone else":       platformOf(append(platformFields(), field{[]int{1, 2, 840, 113741, 1, 13, 2, 6}, octets(16)})...),
		"field of a deeper level":     platformOf(append(platformFields(), field{[]int{6, 1}, octets(16)})...),
		"field of a higher level":     platformOf(append(platformFields(), field{[]int{1, 2, 840, 113741, 1, 13, 1}, octets(16)})...),
		"instance not octets":         platformOf(append(platformFields(), field{[]int{6}, integer(1)})...),
		"configuration not a list":    platformOf(append(platformFields(), field{[]int{7}, integer(1)})...),
		"PPID of 15 bytes":            platformOf(with(1, octets(15))...),
		"PPID of 17 bytes":            platformOf(with(1, octets(17))...),
		"PCEID of 3 bytes":            platformOf(with(3, octets(3))...),
		"FMSPC of 5 bytes":            platformOf(with(4, octets(5))...),
		"type as an integer":          platformOf(with(5, integer(0))...),
		"type 3":                      platformOf(with(5, enum(3))...),
		"negative type":               platformOf(with(5, enum(-1))...),
		"value and more":              platformOf(with(4, append(octets(6), octets(6)...))...),
		"no value":                    platformOf(with(4, nil)...),
		"TCB: component 19":           platformOf(with(2, sequence(append(tcbFields(), field{[]int{2, 19}, integer(1)})...))...),
		"TCB: component of 256":       platformOf(with(2, sequence(withTCB(1, integer(256))...))...),
		"TCB: negative component":     platformOf(with(2, sequence(withTCB(1, integer(-1))...))...),
		"TCB: PCESVN of 65536":        platformOf(with(2, sequence(withTCB(17, integer(65536))...))...),
		"TCB: CPUSVN of 15 bytes":     platformOf(with(2, sequence(withTCB(18, octets(15))...))...),
		"TCB: component as octets":    platformOf(with(2, sequence(withTCB(1, octets(1))...))...),
		"TCB: not a list":             platformOf(with(2, octets(16))...),
		"TCB: under another's prefix": platformOf(with(2, sequence(platformFields()...))...),
	}
	for i, f := range platformFields() {
		refuse[fmt.Sprintf("without field %d", i+1)] = platformOf(slices.Delete(platformFields(), i, i+1)...)
		refuse[fmt.Sprintf("field %d twice", i+1)] = platformOf(append(platformFields(), f)...)
	}
	for i, f := range tcbFields() {
		refuse[fmt.Sprintf("TCB without component %d", i+1)] = platformOf(with(2, sequence(slices.Delete(tcbFields(), i, i+1)...))...)
		refuse[fmt.Sprintf("TCB with component %d twice", i+1)] = platformOf(with(2, sequence(append(tcbFields(), f)...))...)
	}
	r := rows{}
	for name, change := range refuse {
		r["INVALID_PCK_CERT: "+name] = row{change, forged("INVALID_PCK_CERT", "SGX extension")}
	}
	r.refused(t)
}

func TestPlatformFields(t *testing.T) {
	s := newScene()
	q, err := dcap.ParseQuote(s.play(t).quote)
	check(t, err)
	pck, err := q.PCK()
	check(t, err)
	want := dcap.Platform{
		FMSPC: s.platform.FMSPC, PCEID: s.platform.PCEID, PPID: s.platform.PPID,
		Components: s.platform.Components, PCESVN: s.platform.PCESVN, CPUSVN: s.platform.CPUSVN,
	}
	if pck.Platform != want || pck.Issuer() != dcap.PlatformCA {
		t.Errorf("%+v by %s", pck.Platform, pck.Issuer())
	}
}

func TestProcessorCA(t *testing.T) {
	s := newScene()
	s.caProfile.Subject.CommonName = "Intel SGX PCK Processor CA"
	e := s.play(t)
	q, err := dcap.ParseQuote(e.quote)
	check(t, err)
	pck, err := q.PCK()
	check(t, err)
	if _, err := e.verify(); err != nil || pck.Issuer() != dcap.ProcessorCA {
		t.Errorf("%v, issued by %s", err, pck.Issuer())
	}
}

// platformOf issues a PCK certificate with these fields, and TCB info for it.
func platformOf(fields ...field) change {
	return func(s *scene) {
		s.extension = sequence(fields...)
		s.tcbInfo.FMSPC, s.tcbInfo.PCEID = "000000000000", "0000"
	}
}

// with replaces the value of one field.
func with(id int, value []byte) []field {
	fields := platformFields()
	fields[id-1].value = value
	return fields
}

func withTCB(id int, value []byte) []field {
	fields := tcbFields()
	fields[id-1].value = value
	return fields
}

func reversed(fields []field) []field {
	slices.Reverse(fields)
	return fields
}

// within puts more at the end of a sequence.
func within(der, more []byte) []byte {
	var content cryptobyte.String
	s := cryptobyte.String(der)
	if !s.ReadASN1(&content, tag.SEQUENCE) {
		panic("not a sequence")
	}
	return value(func(b *cryptobyte.Builder) {
		b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddBytes(content)
			b.AddBytes(more)
		})
	})
}
