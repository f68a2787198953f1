package attest

import (
	"encoding/hex"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
)

// Outline is what collateral says of itself: what it is about, and when it is
// good. Nothing in it has been verified: it is for looking at, and for knowing
// when to ask for newer collateral.
type Outline struct {
	TEE        TEE
	FMSPC      [6]byte
	TCBInfo    DocumentOutline
	QEIdentity DocumentOutline
	RootCRL    ListOutline
	PCKCRL     ListOutline
}

// DocumentOutline is what a signed document says of itself.
type DocumentOutline struct {
	Validity
	Evaluation uint32 // the number of Intel's evaluation
}

// ListOutline is what a revocation list says of itself.
type ListOutline struct {
	Validity
	Issuer  string // the common name
	Revoked int    // certificates
}

// Validity is when a document was issued and when the next is due.
type Validity struct {
	Issued, NextUpdate time.Time
}

// complete reports whether both times are there, and in years that can be
// written again.
func (v Validity) complete() bool { return written(v.Issued) && written(v.NextUpdate) }

func written(t time.Time) bool { return !t.IsZero() && t.UTC().Year() >= 1 && t.UTC().Year() <= 9999 }

// Issued returns when the youngest of the four was issued.
func (o *Outline) Issued() time.Time {
	return latest(o.TCBInfo.Issued, o.QEIdentity.Issued, o.RootCRL.Issued, o.PCKCRL.Issued)
}

// NextUpdate returns when the first of the four expires.
func (o *Outline) NextUpdate() time.Time {
	first := o.TCBInfo.NextUpdate
	for _, t := range []time.Time{o.QEIdentity.NextUpdate, o.RootCRL.NextUpdate, o.PCKCRL.NextUpdate} {
		if t.Before(first) {
			first = t
		}
	}
	return first
}

func latest(first time.Time, others ...time.Time) time.Time {
	for _, t := range others {
		if t.After(first) {
			first = t
		}
	}
	return first
}

// Outline reads what c says of itself, and nothing else.
func (c *Collateral) Outline() (*Outline, error) {
	var o Outline
	for name, read := range map[string]func() error{
		"the TCB info":             func() error { return o.readTCBInfo(c.TCBInfo) },
		"the QE identity":          func() error { return o.readQEIdentity(c.QEIdentity) },
		"the root revocation list": func() error { return o.RootCRL.read(c.RootCRL) },
		"the PCK revocation list":  func() error { return o.PCKCRL.read(c.PCKCRL) },
	} {
		if err := read(); err != nil {
			return nil, fail(ErrCollateral, "%s cannot be read, fetch it again: %.200v", name, err)
		}
	}
	return &o, nil
}

// bodyOutline is the part of a signed document's body that an outline has. The
// rest is skipped, which takes no memory.
type bodyOutline struct {
	ID         string    `json:"id"`
	FMSPC      string    `json:"fmspc"`
	Issued     time.Time `json:"issueDate"`
	NextUpdate time.Time `json:"nextUpdate"`
	Evaluation uint32    `json:"tcbEvaluationDataNumber"`
}

func (b *bodyOutline) document() DocumentOutline {
	return DocumentOutline{Validity{b.Issued, b.NextUpdate}, b.Evaluation}
}

func (o *Outline) readTCBInfo(b []byte) error {
	var signed struct {
		Body bodyOutline `json:"tcbInfo"`
	}
	if err := unmarshalBounded(b, &signed); err != nil {
		return err
	}
	tees := map[string]TEE{"": SGX, "SGX": SGX, "TDX": TDX} // version 2 has none
	tee, known := tees[signed.Body.ID]
	fmspc, err := hex.DecodeString(signed.Body.FMSPC)
	if !known || err != nil || len(fmspc) != len(o.FMSPC) {
		return fmt.Errorf("id %.20q, FMSPC %.20q", signed.Body.ID, signed.Body.FMSPC)
	}
	o.TEE, o.FMSPC, o.TCBInfo = tee, [6]byte(fmspc), signed.Body.document()
	return o.TCBInfo.check()
}

func (o *Outline) readQEIdentity(b []byte) error {
	var signed struct {
		Body bodyOutline `json:"enclaveIdentity"`
	}
	if err := unmarshalBounded(b, &signed); err != nil {
		return err
	}
	o.QEIdentity = signed.Body.document()
	return o.QEIdentity.check()
}

func unmarshalBounded(b []byte, v any) error {
	if len(b) > maxCollateralSize {
		return errTooLarge
	}
	return json.Unmarshal(b, v)
}

func (v Validity) check() error {
	if !v.complete() {
		return fmt.Errorf("issued %v, next update %v", v.Issued, v.NextUpdate)
	}
	return nil
}
