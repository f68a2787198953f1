package dcap

import (
	"bytes"
	"crypto/ecdsa"
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

// A document is a signed JSON text: the exact bytes of its body, its
// signature, and who signed it. The body is taken apart only once the
// signature is known to be good: before, a megabyte of it could ask for a
// hundred of memory.
type document struct {
	what      string // it is, in errors
	name      string // Intel's, with which those of its errors begin
	body      jsontext.Value
	signature hexBytes
	signer    *path
}

// prove verifies the signature by a signer that has itself been proven.
func (d *document) prove() error {
	key := d.signer.certs[0].PublicKey.(*ecdsa.PublicKey)
	if !verifyRaw(key, d.body, d.signature) {
		return collateral(d.name+"_INVALID_SIGNATURE", "the %s is not signed by its certificate", d.what)
	}
	return nil
}

// check verifies what time changes.
func (d *document) check(a anchor, rootCRL *crl, v validity) error {
	if rootCRL.revokes(d.signer.certs[0]) {
		return collateral("TCB_SIGNING_CERT_REVOKED", "the certificate that signs the %s is revoked: fetch the collateral again", d.what)
	}
	if err := d.signer.inTime(a.now); err != nil {
		return err
	}
	if !a.within(v.IssueDate, v.NextUpdate) {
		return collateral(d.name+"_EXPIRED", "the %s is of %s and valid until %s: fetch the collateral again",
			d.what, v.IssueDate.Format(time.RFC3339), v.NextUpdate.Format(time.RFC3339))
	}
	return nil
}

// decode takes the body apart into v by Intel's schema.
func (d *document) decode(v any) error {
	if err := json.Unmarshal(d.body, v, strict); err != nil {
		return collateral(d.name+"_INVALID", "the %s does not follow Intel's schema: %.200v", d.what, err)
	}
	return nil
}

// peek looks for a member of the body before it is known what others there
// should be. It is empty where there is none.
func (d *document) peek(member string) string {
	var v map[string]jsontext.Value
	var text string
	if json.Unmarshal(d.body, &v) != nil || json.Unmarshal(v[member], &text) != nil {
		return ""
	}
	return text
}

func (d *document) incomplete() error {
	return collateral(d.name+"_INVALID", "the %s is not of a known version with all its fields", d.what)
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
	Evaluation *uint32   `json:"tcbEvaluationDataNumber"`
}

func (v validity) valid() bool {
	return !v.IssueDate.IsZero() && !v.NextUpdate.IsZero() && v.Evaluation != nil
}

// parseSigner parses the chain of the certificate that signs a document.
func parseSigner(what string, b []byte) (*path, error) {
	certs, ok := parseCertificates(b)
	if !ok || !anyNamed(certs, nameTCBSigner) {
		return nil, collateral("TCB_SIGNING_CERT_MISSING", "the TCB signing chain of the %s is missing or not a list of PEM certificates: fetch the collateral again", what)
	}
	if !anyNamed(certs, nameRoot) {
		return nil, collateral("SGX_ROOT_CA_MISSING", "the TCB signing chain of the %s has no root: fetch the collateral again", what)
	}
	chain, ok := order(certs, 2)
	if !ok || !named(chain[0], nameTCBSigner) || !named(chain[1], nameRoot) {
		return nil, collateral("TCB_SIGNING_CERT_CHAIN_UNTRUSTED", "the TCB signing chain of the %s is not one of a TCB signing certificate and the root", what)
	}
	return &path{
		certs:     chain,
		kind:      ErrCollateral,
		what:      signingChain + what,
		issuers:   []string{"TCB_SIGNING_CERT_INVALID_ISSUER", "ROOT_CA_INVALID_ISSUER"},
		untrusted: "TCB_SIGNING_CERT_CHAIN_UNTRUSTED",
		expired:   "SIGNING_CERT_CHAIN_EXPIRED",
	}, nil
}

const signingChain = "the signing chain of the "

// of is the same chain in the errors about another document.
func (p *path) of(what string) *path {
	other := *p
	other.what = signingChain + what
	return &other
}

// same reports whether two documents are signed under one chain.
func (p *path) same(other *path) bool {
	for i := range p.certs {
		if !bytes.Equal(p.certs[i].Raw, other.certs[i].Raw) {
			return false
		}
	}
	return true
}
