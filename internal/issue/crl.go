package issue

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
)

// CRL says what stands in a revocation list. The root's revokes intermediate
// and signing certificates, the PCK CA's revokes PCK certificates.
type CRL struct {
	Validity   Validity
	Number     int64 // Intel's is always 1
	Revoked    []*big.Int
	Issuer     []byte                  // DER of the name; if nil, the signer's subject
	Extensions []pkix.Extension        // further ones; one with an identifier of the others takes its place
	Omit       []asn1.ObjectIdentifier // extensions to leave out
}

// RFC 5280, section 5.1. The package x509 would refuse to write most of what a
// verifier has to refuse to read.
type (
	signedList struct {
		List      asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	revocationList struct {
		Version    int
		Algorithm  pkix.AlgorithmIdentifier
		Issuer     asn1.RawValue
		ThisUpdate time.Time
		NextUpdate time.Time
		Revoked    []revocation     `asn1:"optional"`
		Extensions []pkix.Extension `asn1:"tag:0,optional,explicit"`
	}
	revocation struct {
		Serial     *big.Int
		Time       time.Time
		Extensions []pkix.Extension `asn1:"optional"`
	}
)

// Sign returns the DER of the list signed by by, whose certificate names the
// issuer.
func (c CRL) Sign(by *Entity) ([]byte, error) {
	list, err := c.marshal(by)
	if err != nil {
		return nil, fmt.Errorf("issue: %w", err)
	}
	digest := sha256.Sum256(list)
	signature, err := by.Key.Sign(rand.Reader, digest[:], nil)
	if err != nil {
		return nil, fmt.Errorf("issue: %w", err)
	}
	return asn1.Marshal(signedList{
		List:      asn1.RawValue{FullBytes: list},
		Algorithm: ecdsaWithSHA256(),
		Signature: asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)},
	})
}

func (c CRL) marshal(by *Entity) ([]byte, error) {
	issuer := c.Issuer
	if issuer == nil {
		issuer = by.Certificate.RawSubject
	}
	extensions, err := c.extensions(by.Certificate.SubjectKeyId)
	if err != nil {
		return nil, err
	}
	revoked, err := c.revocations()
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(revocationList{
		Version:    1, // which says v2
		Algorithm:  ecdsaWithSHA256(),
		Issuer:     asn1.RawValue{FullBytes: issuer},
		ThisUpdate: c.Validity.From.UTC(),
		NextUpdate: c.Validity.Until.UTC(),
		Revoked:    revoked,
		Extensions: extensions,
	})
}

func (c CRL) extensions(authority []byte) ([]pkix.Extension, error) {
	var list extensionList
	list.add(OIDCRLNumber(), false, func(b *cryptobyte.Builder) { b.AddASN1Int64(c.Number) })
	list.add(OIDAuthorityKeyID(), false, appendAuthorityKeyID(authority))
	return list.edited(c.Extensions, c.Omit)
}

func (c CRL) revocations() ([]revocation, error) {
	const keyCompromise = 1
	var reason extensionList
	reason.add(OIDReason(), false, func(b *cryptobyte.Builder) { b.AddASN1Enum(keyCompromise) })
	var revoked []revocation
	for _, serial := range c.Revoked {
		revoked = append(revoked, revocation{serial, c.Validity.From.UTC(), reason.list})
	}
	return revoked, reason.err
}

func ecdsaWithSHA256() pkix.AlgorithmIdentifier {
	return pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}}
}
