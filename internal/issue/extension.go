package issue

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/bits"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	tag "golang.org/x/crypto/cryptobyte/asn1"
)

// Identifiers of standard extensions, for Omit and Extensions of Profile and
// CRL.
func OIDSubjectKeyID() asn1.ObjectIdentifier     { return standard(14) }
func OIDKeyUsage() asn1.ObjectIdentifier         { return standard(15) }
func OIDBasicConstraints() asn1.ObjectIdentifier { return standard(19) }
func OIDCRLNumber() asn1.ObjectIdentifier        { return standard(20) }
func OIDReason() asn1.ObjectIdentifier           { return standard(21) }
func OIDCRLPoint() asn1.ObjectIdentifier         { return standard(31) }
func OIDAuthorityKeyID() asn1.ObjectIdentifier   { return standard(35) }

func standard(n int) asn1.ObjectIdentifier { return asn1.ObjectIdentifier{2, 5, 29, n} }

// extensions are in the order of Intel's certificates.
func (p Profile) extensions(authority, subject []byte) ([]pkix.Extension, error) {
	var list extensionList
	if len(authority) != 0 {
		list.add(OIDAuthorityKeyID(), false, appendAuthorityKeyID(authority))
	}
	if p.CRL != "" {
		list.add(OIDCRLPoint(), false, appendCRLPoint(p.CRL))
	}
	list.add(OIDSubjectKeyID(), false, func(b *cryptobyte.Builder) { b.AddASN1OctetString(subject) })
	if p.KeyUsage != 0 {
		list.add(OIDKeyUsage(), true, appendKeyUsage(uint16(p.KeyUsage)))
	}
	list.add(OIDBasicConstraints(), true, p.appendBasicConstraints)
	return list.edited(p.Extensions, p.Omit)
}

func (p Profile) appendBasicConstraints(b *cryptobyte.Builder) {
	b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) {
		if !p.CA {
			return
		}
		b.AddASN1Boolean(true)
		if p.PathLen >= 0 {
			b.AddASN1Int64(int64(p.PathLen))
		}
	})
}

func appendAuthorityKeyID(id []byte) cryptobyte.BuilderContinuation {
	return func(b *cryptobyte.Builder) {
		b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(tag.Tag(0).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(id) })
		})
	}
}

func appendCRLPoint(url string) cryptobyte.BuilderContinuation {
	full := tag.Tag(0).ContextSpecific().Constructed()
	return func(b *cryptobyte.Builder) {
		b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(tag.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(full, func(b *cryptobyte.Builder) {
					b.AddASN1(full, func(b *cryptobyte.Builder) {
						b.AddASN1(tag.Tag(6).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes([]byte(url)) })
					})
				})
			})
		})
	}
}

// appendKeyUsage writes a named bit list: its first bit is the highest of the
// first byte, and zeros at the end are not written.
func appendKeyUsage(usage uint16) cryptobyte.BuilderContinuation {
	reversed := bits.Reverse16(usage)
	octets := []byte{byte(reversed >> 8), byte(reversed)}
	if octets[1] == 0 {
		octets = octets[:1]
	}
	unused := bits.TrailingZeros8(octets[len(octets)-1])
	return func(b *cryptobyte.Builder) {
		b.AddASN1(tag.BIT_STRING, func(b *cryptobyte.Builder) {
			b.AddUint8(uint8(unused))
			b.AddBytes(octets)
		})
	}
}

// keyID is the subject key identifier of RFC 7093, method 1.
func keyID(key *ecdsa.PublicKey) []byte {
	point, err := key.Bytes()
	if err != nil {
		return nil // not a key; x509 says so better
	}
	id := sha256.Sum256(point)
	return id[:20]
}

// extensionList defers the error of a broken builder to the end.
type extensionList struct {
	list []pkix.Extension
	err  error
}

func (l *extensionList) add(id asn1.ObjectIdentifier, critical bool, value cryptobyte.BuilderContinuation) {
	var b cryptobyte.Builder
	value(&b)
	der, err := b.Bytes()
	if err != nil {
		l.err = err
	}
	l.list = append(l.list, pkix.Extension{Id: id, Critical: critical, Value: der})
}

func (l *extensionList) edited(replace []pkix.Extension, omit []asn1.ObjectIdentifier) ([]pkix.Extension, error) {
	list := l.list
	for _, extension := range replace {
		same := func(e pkix.Extension) bool { return e.Id.Equal(extension.Id) }
		if i := slices.IndexFunc(list, same); i >= 0 {
			list[i] = extension
		} else {
			list = append(list, extension)
		}
	}
	return slices.DeleteFunc(list, func(e pkix.Extension) bool {
		return slices.ContainsFunc(omit, e.Id.Equal)
	}), l.err
}
