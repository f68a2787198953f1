package dcap

import (
	"github.com/cleave-sdk/cleave/internal/lebyte"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// Types of body in quotes of version 5, and their sizes in bytes.
const (
	bodyEnclave = 1 // sgx.ReportBodySize
	bodyTD10    = 2
	bodyTD15    = 3
	bodyTD15Ex  = 4 // 885

	sizeTD10 = 584
	sizeTD15 = 648
)

// TDBody is what the TDX module says of a trust domain (TD), and what a quote
// of one signs. Nothing in it has been verified.
type TDBody struct {
	TEETCBSVN      [16]byte // SVNs of the module, its major version, and microcode
	MRSEAM         [48]byte // the TDX module
	MRSIGNERSEAM   [48]byte // zero: Intel
	SEAMAttributes uint64
	TDAttributes   uint64
	XFAM           uint64
	MRTD           [48]byte
	MRConfigID     [48]byte
	MROwner        [48]byte
	MROwnerConfig  [48]byte
	RTMR           [4][48]byte
	ReportData     [64]byte

	// Of TDX 1.5 only, and only in quotes of version 5.
	V15         bool
	TEETCBSVN2  [16]byte // of the module that runs now; the first is of the launch
	MRSERVICETD [48]byte
}

// Read reads the 584 bytes that all versions have.
func (t *TDBody) Read(s *lebyte.String) bool {
	return s.Copy(t.TEETCBSVN[:]) &&
		s.Copy(t.MRSEAM[:]) &&
		s.Copy(t.MRSIGNERSEAM[:]) &&
		s.Uint64(&t.SEAMAttributes) &&
		s.Uint64(&t.TDAttributes) &&
		s.Uint64(&t.XFAM) &&
		s.Copy(t.MRTD[:]) &&
		s.Copy(t.MRConfigID[:]) &&
		s.Copy(t.MROwner[:]) &&
		s.Copy(t.MROwnerConfig[:]) &&
		s.Copy(t.RTMR[0][:]) &&
		s.Copy(t.RTMR[1][:]) &&
		s.Copy(t.RTMR[2][:]) &&
		s.Copy(t.RTMR[3][:]) &&
		s.Copy(t.ReportData[:])
}

// Read15 reads the 64 bytes that TDX 1.5 adds.
func (t *TDBody) Read15(s *lebyte.String) bool {
	t.V15 = true
	return s.Copy(t.TEETCBSVN2[:]) && s.Copy(t.MRSERVICETD[:])
}

func (q *Quote) readBody(s *lebyte.String) error {
	kind, err := q.bodyType(s)
	if err != nil {
		return err
	}
	if kind == bodyEnclave {
		if !q.Body.Read(s) {
			return malformed("the report body is cut off or has reserved bytes that are not zero")
		}
		return nil
	}
	q.TD = new(TDBody)
	if !q.TD.Read(s) || kind == bodyTD15 && !q.TD.Read15(s) {
		return malformed("the trust domain's report is cut off")
	}
	return nil
}

// body is how version 5 announces what follows.
type body struct {
	kind      uint16
	tee, size uint32
}

// bodyType is what follows: only version 5 says so, and how long it is.
func (q *Quote) bodyType(s *lebyte.String) (uint16, error) {
	switch {
	case q.Version < 5 && q.TEE == TEESGX:
		return bodyEnclave, nil
	case q.Version < 5:
		return bodyTD10, nil
	}
	var kind uint16
	var size uint32
	if !s.Uint16(&kind) || !s.Uint32(&size) {
		return 0, malformed("the type of the body is cut off")
	}
	if kind == bodyTD15Ex && q.TEE == TEETDX {
		return 0, unsupported("bodies of type 4 (TDX 1.5 extended) cannot be verified yet")
	}
	switch (body{kind, q.TEE, size}) {
	case body{bodyEnclave, TEESGX, sgx.ReportBodySize}, body{bodyTD10, TEETDX, sizeTD10}, body{bodyTD15, TEETDX, sizeTD15}:
		return kind, nil
	}
	return 0, malformed("a TEE of kind %#x has no body of type %d with %d bytes", q.TEE, kind, size)
}
