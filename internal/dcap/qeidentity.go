package dcap

import (
	"encoding/binary"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/cleave-sdk/cleave/internal/lebyte"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// qeIdentity is Intel's description of its quoting enclave, version 2.
type qeIdentity struct {
	validity
	miscSelect, miscMask      uint32
	attributes, attributeMask sgx.Attributes
	mrsigner                  [32]byte
	productID                 uint16
	levels                    []qeLevel
}

type qeLevel struct {
	TCB struct {
		SVN *uint16 `json:"isvsvn"`
	} `json:"tcb"`
	judgement `json:",inline"`
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
	Levels        []qeLevel `json:"tcbLevels"`
}

func parseQEDocument(b []byte) (document, error) {
	var signed struct {
		Body      jsontext.Value `json:"enclaveIdentity"`
		Signature hexBytes       `json:"signature"`
	}
	if len(b) > maxDocumentSize || json.Unmarshal(b, &signed, strict) != nil {
		return document{}, collateral("ENCLAVE_IDENTITY_UNSUPPORTED_FORMAT", "the QE identity cannot be read: fetch the collateral again")
	}
	return document{signed.Body, signed.Signature}, nil
}

func (d document) qeIdentity() (*qeIdentity, error) {
	var body qeIdentityJSON
	if err := json.Unmarshal(d.body, &body, strict); err != nil {
		return nil, collateral("ENCLAVE_IDENTITY_INVALID", "the QE identity does not follow Intel's schema: %.200v", err)
	}
	id := &qeIdentity{validity: body.validity, levels: body.Levels}
	if !id.fill(&body) {
		return nil, collateral("ENCLAVE_IDENTITY_INVALID", "the QE identity is not one of version 2 for SGX with all its fields")
	}
	return id, nil
}

func (id *qeIdentity) fill(body *qeIdentityJSON) bool {
	if body.ID != "QE" || body.Version != 2 || body.ProductID == nil || len(body.Levels) == 0 ||
		!word(&id.miscSelect, body.MiscSelect) || !word(&id.miscMask, body.MiscMask) ||
		!attributes(&id.attributes, body.Attributes) || !attributes(&id.attributeMask, body.AttributeMask) ||
		body.MRSIGNER.fill(id.mrsigner[:]) != nil {
		return false
	}
	id.productID = *body.ProductID
	for _, l := range id.levels {
		if l.TCB.SVN == nil || !l.valid() || !l.ofEnclave() {
			return false
		}
	}
	return true
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

// level verifies that r is a report of the enclave that id describes and
// returns the first level it reaches.
func (id *qeIdentity) level(r *sgx.ReportBody) (*qeLevel, error) {
	switch {
	case r.MRSIGNER != id.mrsigner:
		return nil, forged("QE_IDENTITY_MISMATCH", "the quote was not signed by Intel's quoting enclave but by one of signer %x", r.MRSIGNER)
	case r.ProductID != id.productID:
		return nil, forged("QE_IDENTITY_MISMATCH", "the quoting enclave has product id %d, not %d", r.ProductID, id.productID)
	case r.MiscSelect&id.miscMask != id.miscSelect:
		return nil, forged("QE_IDENTITY_MISMATCH", "the quoting enclave's MISCSELECT is %08x", r.MiscSelect)
	case r.Attributes.And(id.attributeMask) != id.attributes:
		return nil, forged("QE_IDENTITY_MISMATCH", "the quoting enclave's attributes are %016x", r.Attributes.Flags)
	case r.Attributes.Debug():
		return nil, forged("QE_IDENTITY_MISMATCH", "the quoting enclave is a debug one")
	}
	for i := range id.levels {
		if r.SVN >= *id.levels[i].TCB.SVN {
			return &id.levels[i], nil
		}
	}
	return nil, forged("QE_IDENTITY_OUT_OF_DATE", "the quoting enclave's SVN %d is below every level that Intel judges", r.SVN)
}
