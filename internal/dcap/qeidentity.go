package dcap

import (
	"encoding/binary"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/cleave-sdk/cleave/internal/lebyte"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// qeIdentity is Intel's description of its quoting enclave, version 2.
type qeIdentity struct {
	validity
	tee                       uint32
	miscSelect, miscMask      uint32
	attributes, attributeMask sgx.Attributes
	mrsigner                  [32]byte
	productID                 uint16
	levels                    []enclaveLevel
}

// An enclaveLevel is what an enclave or module with at least this SVN is worth.
type enclaveLevel struct {
	TCB struct {
		SVN *uint16 `json:"isvsvn"`
	} `json:"tcb"`
	judgement `json:",inline"`
}

// validLevels reports whether there are levels and all are complete.
func validLevels(levels []enclaveLevel) bool {
	return len(levels) > 0 && !slices.ContainsFunc(levels, func(l enclaveLevel) bool {
		return l.TCB.SVN == nil || !l.valid() || !l.ofEnclave()
	})
}

type qeIdentityJSON struct {
	ID            string   `json:"id"`
	Version       int      `json:"version"`
	MiscSelect    hexBytes `json:"miscselect"`
	MiscMask      hexBytes `json:"miscselectMask"`
	Attributes    hexBytes `json:"attributes"`
	AttributeMask hexBytes `json:"attributesMask"`
	MRSIGNER      hexBytes `json:"mrsigner"`
	ProductID     *uint16  `json:"isvprodid"`
	validity      `json:",inline"`
	Levels        []enclaveLevel `json:"tcbLevels"`
}

func parseQEDocument(b []byte) (document, error) {
	var signed struct {
		Body      jsontext.Value `json:"enclaveIdentity"`
		Signature hexBytes       `json:"signature"`
	}
	if len(b) > maxDocumentSize || json.Unmarshal(b, &signed, strict) != nil {
		return document{}, collateral("ENCLAVE_IDENTITY_UNSUPPORTED_FORMAT", "the QE identity cannot be read: fetch the collateral again")
	}
	return document{what: "QE identity", name: "ENCLAVE_IDENTITY", body: signed.Body, signature: signed.Signature}, nil
}

func (d *document) qeIdentity() (*qeIdentity, error) {
	var body qeIdentityJSON
	if err := d.decode(&body); err != nil {
		return nil, err
	}
	id := &qeIdentity{validity: body.validity, levels: body.Levels}
	if !id.fill(&body) {
		return nil, d.incomplete()
	}
	return id, nil
}

func (id *qeIdentity) fill(body *qeIdentityJSON) bool {
	switch body.ID {
	case "QE":
		id.tee = TEESGX
	case "TD_QE":
		id.tee = TEETDX
	default:
		return false
	}
	if body.Version != 2 || !body.valid() || body.ProductID == nil ||
		!word(&id.miscSelect, body.MiscSelect) || !word(&id.miscMask, body.MiscMask) ||
		!attributes(&id.attributes, body.Attributes) || !attributes(&id.attributeMask, body.AttributeMask) ||
		body.MRSIGNER.fill(id.mrsigner[:]) != nil {
		return false
	}
	id.productID = *body.ProductID
	return validLevels(id.levels)
}

func word(v *uint32, h hexBytes) bool {
	var b [4]byte
	err := h.fill(b[:])
	*v = binary.LittleEndian.Uint32(b[:])
	return err == nil
}

func attributes(a *sgx.Attributes, h hexBytes) bool {
	s := lebyte.String(h)
	return a.Read(&s) && s.Empty()
}

// match verifies that r is a report of the enclave that id describes.
func (id *qeIdentity) match(tee uint32, r *sgx.ReportBody) error {
	switch {
	case id.tee != tee:
		return collateral("QE_IDENTITY_MISMATCH", "the QE identity is that of another TEE's quoting enclave: fetch the collateral for this one")
	case r.MRSIGNER != id.mrsigner:
		return forged("QE_IDENTITY_MISMATCH", "the quote was not signed by Intel's quoting enclave but by one of signer %x", r.MRSIGNER)
	case r.ProductID != id.productID:
		return forged("QE_IDENTITY_MISMATCH", "the quoting enclave has product id %d, not %d", r.ProductID, id.productID)
	case r.MiscSelect&id.miscMask != id.miscSelect:
		return forged("QE_IDENTITY_MISMATCH", "the quoting enclave's MISCSELECT is %08x", r.MiscSelect)
	case r.Attributes.And(id.attributeMask) != id.attributes:
		return forged("QE_IDENTITY_MISMATCH", "the quoting enclave's attributes are %016x", r.Attributes.Flags)
	case r.Attributes.Debug():
		return forged("QE_IDENTITY_MISMATCH", "the quoting enclave is a debug one")
	}
	return nil
}

// level returns the first level that r reaches.
func (id *qeIdentity) level(r *sgx.ReportBody) (*judgement, error) {
	for i := range id.levels {
		if r.SVN >= *id.levels[i].TCB.SVN {
			return &id.levels[i].judgement, nil
		}
	}
	return nil, forged("TCB_NOT_SUPPORTED", "the quoting enclave's SVN %d is below every level that Intel judges", r.SVN)
}
