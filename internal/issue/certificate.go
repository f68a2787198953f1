package issue

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

// Validity is a span of time, both ends included: NotBefore and NotAfter of a
// certificate, thisUpdate and nextUpdate of a revocation list, issueDate and
// nextUpdate of a JSON document. All of them have a resolution of seconds.
type Validity struct{ From, Until time.Time }

// Days is a validity of n days.
func Days(from time.Time, n int) Validity {
	return Validity{from, from.AddDate(0, 0, n)}
}

// Entity is a certificate with its private key. A test that wants a wrong
// signature pairs a certificate with another's key.
type Entity struct {
	Certificate *x509.Certificate
	Key         *ecdsa.PrivateKey
}

// Profile says what stands in a certificate. RootCA, PCKCA, TCBSigning and PCK
// return those of Intel's certificates, to be issued as they are or changed.
type Profile struct {
	Subject    Subject
	Validity   Validity
	Serial     *big.Int // if nil, random
	CA         bool
	PathLen    int                     // of a CA; if negative, unlimited
	KeyUsage   x509.KeyUsage           // if zero, the extension is left out
	CRL        string                  // URL of the revocation list; if empty, the extension is left out
	Extensions []pkix.Extension        // further ones; one with an identifier of the others takes its place
	Omit       []asn1.ObjectIdentifier // extensions to leave out
}

// RootCA is the profile of the root's certificate, which is signed by itself.
func RootCA(s Subject, v Validity) Profile {
	return Profile{Subject: s, Validity: v, CA: true, PathLen: 1, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
}

// PCKCA is the profile of the CA that signs PCK certificates. The root signs
// it.
func PCKCA(s Subject, v Validity) Profile {
	return Profile{Subject: s, Validity: v, CA: true, PathLen: 0, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
}

// TCBSigning is the profile of the certificate whose key signs TCB info and QE
// identity. The root signs it.
func TCBSigning(s Subject, v Validity) Profile {
	return Profile{Subject: s, Validity: v, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment}
}

// PCK is the profile of a platform's provisioning certification key, which
// signs reports of its quoting enclave. The PCK CA signs it.
func PCK(s Subject, v Validity, p Platform) (Profile, error) {
	extension, err := p.Extension()
	if err != nil {
		return Profile{}, err
	}
	profile := TCBSigning(s, v)
	profile.Extensions = []pkix.Extension{extension}
	return profile, nil
}

// Issue signs a certificate for key as p says. If key is nil, it makes a P-256
// key. If by is nil, the certificate is signed by itself. Of by it takes the
// subject and the subject key identifier, and signs with whatever key is there.
func (p Profile) Issue(by *Entity, key *ecdsa.PrivateKey) (*Entity, error) {
	subject := &Entity{Key: key}
	if err := p.issue(subject, by); err != nil {
		return nil, fmt.Errorf("issue: %w", err)
	}
	return subject, nil
}

func (p Profile) issue(e, by *Entity) (err error) {
	if e.Key == nil {
		if e.Key, err = NewKey(); err != nil {
			return err
		}
	}
	template, err := p.template()
	if err != nil {
		return err
	}
	// The parent has no public key, so that x509 does not insist that the
	// signing key is the parent's, and no key identifier, because the
	// extensions are all written here, in Intel's order.
	parent := &x509.Certificate{RawSubject: template.RawSubject}
	signer, authority := e.Key, keyID(&e.Key.PublicKey)
	if by != nil {
		parent.RawSubject = by.Certificate.RawSubject
		signer, authority = by.Key, by.Certificate.SubjectKeyId
	}
	if template.ExtraExtensions, err = p.extensions(authority, keyID(&e.Key.PublicKey)); err != nil {
		return err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, e.Key.Public(), signer)
	if err != nil {
		return err
	}
	e.Certificate, err = x509.ParseCertificate(der)
	return err
}

func (p Profile) template() (*x509.Certificate, error) {
	subject, err := p.Subject.DER()
	serial := p.Serial
	if serial == nil {
		serial = newSerial()
	}
	return &x509.Certificate{
		RawSubject:   subject,
		SerialNumber: serial,
		NotBefore:    p.Validity.From,
		NotAfter:     p.Validity.Until,
	}, err
}

// NewKey makes a P-256 key, the only kind Intel's formats know.
func NewKey() (*ecdsa.PrivateKey, error) {
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

// newSerial has 20 bytes, as Intel's, and is positive without a leading zero.
func newSerial() *big.Int {
	var b [20]byte
	rand.Read(b[:]) // never fails
	b[0] = b[0]&0x7F | 0x40
	return new(big.Int).SetBytes(b[:])
}

// PEM concatenates certificates, the subject's first, as quotes and the
// service's headers carry them.
func PEM(chain ...*x509.Certificate) []byte {
	var b []byte
	for _, c := range chain {
		b = append(b, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return b
}
