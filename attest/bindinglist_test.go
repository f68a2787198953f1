package attest_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/ratls"
)

// A listed attack is a subtest of its name.
type listed struct {
	name string
	leaf func(t *testing.T, l *leaf) *leaf
	want error // nil: accepted
}

func run(t *testing.T, m *machine, v *attest.Verifier, tests []listed) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cert := test.leaf(t, m.leaf(t, "friend")).parsed(t)
			r, err := v.VerifyCertificate(t.Context(), cert)
			if !errors.Is(err, test.want) || (r == nil) == (err == nil) {
				t.Fatalf("%+v, %v; want %v", r, err, test.want)
			}
			if err != nil {
				oneSentence(t, err)
			}
		})
	}
}

// claiming has claims of any form, quoted as they are.
func claiming(claims ...any) func(t *testing.T, l *leaf) *leaf {
	return func(t *testing.T, l *leaf) *leaf {
		var b []byte
		for _, part := range claims {
			switch part := part.(type) {
			case string:
				b = append(b, part...)
			case func([]byte) []byte:
				b = append(b, part(l.spki(t))...)
			}
		}
		return l.add(wrapped(l.machine.quote(t, l.body, ratls.ReportData(b)), b))
	}
}

func wrapped(quote, claims []byte) pkix.Extension {
	return pkix.Extension{Id: ratls.OID(), Value: ratls.Encode(quote, claims)}
}

// keyHashOf is the value of "pubkey-hash", whose key is hashed as spki or otherwise.
func keyHashOf(algorithm byte, hash func([]byte) []byte) func([]byte) []byte {
	return func(spki []byte) []byte {
		sum := hash(spki)
		inner := append([]byte{0x82, algorithm, 0x58, byte(len(sum))}, sum...)
		return append([]byte{0x58, byte(len(inner))}, inner...)
	}
}

// TestBindingList has the ways to have evidence speak for a key that it is not
// for (section A of the list of attacks).
func TestBindingList(t *testing.T) {
	m := newMachine(t)
	const key = "\x6bpubkey-hash"
	good, bad := keyHashOf(1, sum256), keyHashOf(1, func(b []byte) []byte { return sum256(append(bytes.Clone(b), 0)) })
	stolen := m.leaf(t, "friend").in(t, ratls.DICE)
	data := func(change func(*[64]byte)) func(t *testing.T, l *leaf) *leaf {
		return func(t *testing.T, l *leaf) *leaf {
			d := must(ratls.DICE.ReportData(l.spki(t)))(t)
			change(&d)
			return l.with(t, ratls.DICE, d)
		}
	}
	evidence := func(change func(b []byte) []byte) func(t *testing.T, l *leaf) *leaf {
		return func(t *testing.T, l *leaf) *leaf {
			l.in(t, ratls.DICE)
			e := &l.template.ExtraExtensions[0]
			e.Value = change(bytes.Clone(e.Value))
			return l
		}
	}
	run(t, m, m.verifier(t, "friend"), []listed{
		{"honest", claiming("\xa1", key, good), nil},
		{"A1_swap_key", func(t *testing.T, l *leaf) *leaf { return l.add(stolen.template.ExtraExtensions[0]) }, attest.ErrForged},
		{"A1_swap_key_and_claims", func(t *testing.T, l *leaf) *leaf {
			quote, _, err := ratls.Decode(stolen.template.ExtraExtensions[0].Value)
			check(t, err)
			return l.add(wrapped(quote, ratls.Claims(l.spki(t))))
		}, attest.ErrForged},
		{"A2_report_data_zero", data(func(d *[64]byte) { *d = [64]byte{} }), attest.ErrForged},
		{"A3_byte_32_not_zero", data(func(d *[64]byte) { d[32] = 1 }), attest.ErrForged},
		{"A3_byte_63_not_zero", data(func(d *[64]byte) { d[63] = 1 }), attest.ErrForged},
		{"A3_half_twice", data(func(d *[64]byte) { copy(d[32:], d[:32]) }), attest.ErrForged},
		{"A4_claims_without_key", claiming("\xa1\x65nonce\x41\x00"), attest.ErrForged},
		{"A4_no_claims", claiming("\xa0"), attest.ErrForged},
		{"A5_key_p", claiming("\xa1\x61p", good), attest.ErrForged},
		{"A5_key_pubkey", claiming("\xa1\x66pubkey", good), attest.ErrForged},
		{"A5_key_pubkey-hash2", claiming("\xa1\x6cpubkey-hash2", good), attest.ErrForged},
		{"A6_good_and_bad", claiming("\xa2", key, good, key, bad), attest.ErrForged},
		{"A6_bad_and_good", claiming("\xa2", key, bad, key, good), attest.ErrForged},
		{"A6_good_twice", claiming("\xa2", key, good, key, good), attest.ErrForged},
		{"A7_algorithm_0", claiming("\xa1", key, keyHashOf(0, sum256)), attest.ErrForged},
		{"A7_algorithm_2", claiming("\xa1", key, keyHashOf(2, sum256)), attest.ErrForged},
		{"A7_algorithm_unknown", claiming("\xa1", key, keyHashOf(23, sum256)), attest.ErrForged},
		{"A7_hash_too_short", claiming("\xa1", key, keyHashOf(1, func(b []byte) []byte { return sum256(b)[:28] })), attest.ErrForged},
		{"A7_hash_of_another_length", claiming("\xa1", key, keyHashOf(7, sum256)), attest.ErrForged},
		{"A7_SHA-384_accepted", claiming("\xa1", key, keyHashOf(7, sum384)), nil},
		{"A7_SHA-512_accepted", claiming("\xa1", key, keyHashOf(8, sum512)), nil},
		{"A8_claims_edited_after", evidence(func(b []byte) []byte {
			quote, claims, _ := ratls.Decode(b)
			return ratls.Encode(quote, append(append([]byte{0xa2}, claims[1:]...), "\x61x\x41\x00"...))
		}), attest.ErrForged},
		{"A9_byte_after_the_CBOR", evidence(func(b []byte) []byte { return append(b, 0) }), attest.ErrMalformed},
		{"A9_byte_after_the_quote", evidence(func(b []byte) []byte {
			quote, claims, _ := ratls.Decode(b)
			return ratls.Encode(append(bytes.Clone(quote), 0), claims)
		}), attest.ErrMalformed},
		{"A9_byte_after_the_claims", claiming("\xa1", key, good, "\x00"), attest.ErrForged},
		{"A9_indefinite_array", evidence(func(b []byte) []byte { b[3] = 0x9f; return append(b, 0xff) }), attest.ErrMalformed},
		{"A9_indefinite_map", claiming("\xbf", key, good, "\xff"), attest.ErrForged},
		{"A9_tag_not_minimal", evidence(func(b []byte) []byte { return slices.Concat([]byte("\xda\x00\x00\xea\x60"), b[3:]) }), attest.ErrMalformed},
		{"A9_map_not_minimal", claiming("\xb8\x01", key, good), attest.ErrForged},
		{"A9_tag_60001", evidence(func(b []byte) []byte { b[2]++; return b }), attest.ErrMalformed},
		{"A9_tag_60002", evidence(func(b []byte) []byte { b[2] += 2; return b }), attest.ErrMalformed},
		{"A9_tag_other", evidence(func(b []byte) []byte { b[1] = 0x1a; return b }), attest.ErrMalformed},
		{"A9_array_of_1", evidence(func(b []byte) []byte {
			quote, _, _ := ratls.Decode(b)
			return slices.Concat([]byte{0xd9, 0xea, 0x60, 0x81, 0x59, byte(len(quote) >> 8), byte(len(quote))}, quote)
		}), attest.ErrMalformed},
		{"A9_array_of_3", evidence(func(b []byte) []byte { b[3] = 0x83; return append(b, 0x40) }), attest.ErrMalformed},
		{"A10_SDK_quote_alone", func(t *testing.T, l *leaf) *leaf {
			return l.add(pkix.Extension{Id: oidSDK(), Value: l.machine.quote(t, l.body, must(ratls.DICE.ReportData(l.spki(t)))(t))})
		}, attest.ErrUnsupported},
		{"A10_SDK_quote_of_the_key_alone", func(t *testing.T, l *leaf) *leaf {
			return l.add(pkix.Extension{Id: oidSDK(), Value: l.machine.quote(t, l.body, must(ratls.EGo.ReportData(l.spki(t)))(t))})
		}, attest.ErrUnsupported},
		{"A10_SDK_quote_beside_the_same", func(t *testing.T, l *leaf) *leaf {
			quote := l.machine.quote(t, l.body, must(ratls.DICE.ReportData(l.spki(t)))(t))
			return l.add(must(ratls.DICE.Extension(l.spki(t), quote))(t)).add(pkix.Extension{Id: oidSDK(), Value: quote})
		}, nil},
		{"A10_SDK_quote_beside_another", func(t *testing.T, l *leaf) *leaf {
			return l.in(t, ratls.DICE).add(pkix.Extension{Id: oidSDK(), Value: l.machine.quote(t, l.body, [64]byte{})})
		}, attest.ErrForged},
		{"A11_second_evidence_unbound", func(t *testing.T, l *leaf) *leaf { return l.in(t, ratls.DICE).with(t, ratls.Gramine, [64]byte{}) }, attest.ErrForged},
		{"A11_first_evidence_unbound", func(t *testing.T, l *leaf) *leaf { return l.with(t, ratls.Gramine, [64]byte{}).in(t, ratls.DICE) }, attest.ErrForged},
		{"A11_second_evidence_broken", func(t *testing.T, l *leaf) *leaf {
			return l.in(t, ratls.DICE).add(pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 311, 105, 2}, Value: []byte("broken")})
		}, attest.ErrMalformed},
		{"A11_second_evidence_forged", func(t *testing.T, l *leaf) *leaf {
			l.in(t, ratls.DICE)
			l.machine = newMachine(t)
			return l.in(t, ratls.EGo)
		}, attest.ErrForged},
		{"A11_no_downgrade", func(t *testing.T, l *leaf) *leaf { return l.with(t, ratls.DICE, [64]byte{}).in(t, ratls.Gramine) }, attest.ErrForged},
	})
}

func oidSDK() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 2, 840, 113741, 1, 13, 1} }

// TestBindingList12 has the evidence behind the certificate that is used.
func TestBindingList12(t *testing.T) {
	m := newMachine(t)
	v := m.verifier(t, "friend")
	attested, plain := m.leaf(t, "friend").in(t, ratls.DICE).parsed(t), m.leaf(t, "friend").parsed(t)
	t.Run("A12_evidence_second", func(t *testing.T) {
		r, err := v.Report(tls.ConnectionState{PeerCertificates: []*x509.Certificate{plain, attested}})
		if !errors.Is(err, attest.ErrMalformed) || r != nil {
			t.Errorf("%+v, %v", r, err)
		}
	})
	t.Run("A12_evidence_first", func(t *testing.T) {
		_, err := v.Report(tls.ConnectionState{PeerCertificates: []*x509.Certificate{attested, plain}})
		check(t, err)
	})
}

// TestBindingList13 has the report data of each dialect in the extension of
// each other, of which the latter alone is accepted.
func TestBindingList13(t *testing.T) {
	m := newMachine(t)
	key := newRSA(t, 2048)
	for _, shape := range ratls.Dialects() {
		v := m.accepting(t, attest.Dialect(shape))
		for _, rule := range ratls.Dialects() {
			t.Run(fmt.Sprintf("A13_%s_as_%s", rule.Key(), shape.Key()), func(t *testing.T) {
				l := m.leaf(t, "friend")
				if l.key = newECDSA(t); shape == ratls.RATSTLS || rule == ratls.RATSTLS {
					l.key = key
				}
				data := must(rule.ReportData(l.spki(t)))(t)
				honest := data == must(shape.ReportData(l.spki(t)))(t) && (shape.Frame().RSA || l.key != key)
				r, err := v.VerifyCertificate(t.Context(), l.with(t, shape, data).parsed(t))
				if honest != (err == nil) || honest && r.Dialect != attest.Dialect(shape) {
					t.Errorf("%+v, %v; honest: %v", r, err, honest)
				}
			})
		}
	}
}
