package issue_test

import (
	"bytes"
	"testing"

	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

func TestTD(t *testing.T) {
	td := issue.TD{
		TCBSVN: [16]byte{1}, MRSEAM: [48]byte{2}, MRSIGNERSEAM: [48]byte{3}, SEAMAttributes: 4, Attributes: 5, XFAM: 6,
		MRTD: [48]byte{7}, MRConfigID: [48]byte{8}, MROwner: [48]byte{9}, MROwnerConfig: [48]byte{10},
		RTMR: [4][48]byte{{11}, {12}, {13}, {14}}, ReportData: [64]byte{15}, TCBSVN2: [16]byte{16}, MRSERVICETD: [48]byte{17},
	}
	at := map[int]byte{0: 1, 16: 2, 64: 3, 112: 4, 120: 5, 128: 6, 136: 7, 184: 8, 232: 9, 280: 10, 328: 11, 376: 12, 424: 13, 472: 14, 520: 15}
	want := make([]byte, 584)
	for i, b := range at {
		want[i] = b
	}
	if !bytes.Equal(td.Append(nil), want) {
		t.Errorf("%x", td.Append(nil))
	}
	td.V15 = true
	want = append(want, make([]byte, 64)...)
	want[584], want[600] = 16, 17
	if !bytes.Equal(td.Append(nil), want) {
		t.Errorf("%x", td.Append(nil))
	}
	if q := issue.NewTDQuote(&td, &sgx.ReportBody{SVN: 8}); q.Version != 5 || q.TEE != 0x81 || q.BodyType != 3 || q.QESVN != 0 {
		t.Errorf("%+v", q)
	}
}
