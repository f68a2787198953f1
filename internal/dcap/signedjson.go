package dcap

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxDocumentSize bounds a signed document. Intel's have up to 40 kilobytes.
const maxDocumentSize = 1 << 20

// strict refuses unknown names; duplicate names and names in another case are
// refused by default.
var strict = json.RejectUnknownMembers(true)

// A document is a signed JSON text: the exact bytes of its body, and its
// signature. The body is taken apart only once the signature is known to be
// good: before, a megabyte of it could ask for a hundred of memory.
type document struct {
	body      jsontext.Value
	signature hexBytes
}

// A hexBytes is written in hexadecimal digits of either case.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) error {
	b, err := hex.AppendDecode(nil, text)
	*h = b
	return err
}

var errLength = errors.New("wrong number of hexadecimal digits")

// fill reads exactly the bytes of dst.
func (h hexBytes) fill(dst []byte) error {
	if len(h) != len(dst) {
		return errLength
	}
	copy(dst, h)
	return nil
}

// validity is the part that all documents share.
type validity struct {
	IssueDate  time.Time `json:"issueDate"`
	NextUpdate time.Time `json:"nextUpdate"`
	Evaluation uint32    `json:"tcbEvaluationDataNumber"`
}

func (v validity) check(a anchor, name, what string) error {
	if v.IssueDate.IsZero() || v.NextUpdate.IsZero() || a.now.Before(v.IssueDate) || a.now.After(v.NextUpdate) {
		return collateral(name, "the %s is of %s and valid until %s: fetch the collateral again",
			what, v.IssueDate.Format(time.RFC3339), v.NextUpdate.Format(time.RFC3339))
	}
	return nil
}

// A signer is the chain of the certificate that signs documents.
type signer struct {
	leaf, root *x509.Certificate
}

func parseSigner(b []byte) (*signer, error) {
	certs, ok := parseCertificates(b)
	if !ok || len(certs) == 0 {
		return nil, collateral("TCB_SIGNING_CERT_MISSING", "the TCB signing chain is missing or not a list of PEM certificates: fetch the collateral again")
	}
	chain, ok := order(certs, 2)
	if !ok || !named(chain[0], nameTCBSigner) || !named(chain[1], nameRoot) {
		return nil, collateral("TCB_SIGNING_CERT_MISSING", "the TCB signing chain is not one of a TCB signing certificate and the root")
	}
	return &signer{chain[0], chain[1]}, nil
}

// check verifies the chain and that d is signed by it.
func (s *signer) check(a anchor, rootCRL *x509.RevocationList, d document, name, what string) error {
	if reason := a.checkChain([]*x509.Certificate{s.leaf, s.root}); reason != "" {
		return collateral("TCB_SIGNING_CERT_CHAIN_UNTRUSTED", "the signing chain of the %s: %s", what, reason)
	}
	if err := a.checkCRL("root CA", rootCRL, s.root); err != nil {
		return err
	}
	if revokes(rootCRL, s.leaf) {
		return collateral("TCB_SIGNING_CERT_REVOKED", "the certificate that signs the %s is revoked: fetch the collateral again", what)
	}
	if !verifyRaw(s.leaf.PublicKey.(*ecdsa.PublicKey), d.body, d.signature) {
		return collateral(name, "the %s is not signed by its certificate", what)
	}
	return nil
}

func (s *signer) notAfter() time.Time { return earliest(s.leaf.NotAfter, s.root.NotAfter) }
