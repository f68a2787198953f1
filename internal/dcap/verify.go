package dcap

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"time"

	"github.com/cleave-sdk/cleave/internal/sgx"
)

// Verdict says that a quote is genuine.
type Verdict struct {
	Body     sgx.ReportBody // of an enclave; zero in a trust domain's verdict
	TD       *TDBody        // of a trust domain; nil in an enclave's verdict
	Platform Platform
	TCB      TCB
	Root     [32]byte  // SHA-256 of the root's SubjectPublicKeyInfo
	Expires  time.Time // when the first document the verdict rests on does; with grace, it may have
}

// Verify is [Memory.Verify] for one verification.
func Verify(q *Quote, pck *PCKChain, c Collateral, root []byte, now time.Time) (*Verdict, error) {
	d, err := ParseCollateral(c)
	if err != nil {
		return nil, err
	}
	return new(Memory).Verify(q, pck, d, root, now, 0)
}

// Verify says whether q, which brings the chain pck or has it from elsewhere,
// is genuine under the root key, a SubjectPublicKeyInfo, at the time now. It
// asks neither what q is of nor what it says.
//
// Documents and revocation lists may have expired by up to grace; certificates
// may not.
func (m *Memory) Verify(q *Quote, pck *PCKChain, d *Documents, root []byte, now time.Time, grace time.Duration) (*Verdict, error) {
	a := anchor{root, now, grace}
	if err := m.ProveChain(pck, root); err != nil {
		return nil, err
	}
	documents, err := m.proveDocuments(d, pck)
	if err != nil {
		return nil, err
	}
	if err := pck.check(a, d); err != nil {
		return nil, err
	}
	if err := documents.check(a); err != nil {
		return nil, err
	}
	qe, err := q.checkSignatures(pck.Leaf.PublicKey.(*ecdsa.PublicKey))
	if err != nil {
		return nil, err
	}
	tcb, err := documents.judge(q, &pck.Platform, qe)
	if err != nil {
		return nil, err
	}
	return &Verdict{
		Body:     q.Body,
		TD:       q.TD,
		Platform: pck.Platform,
		TCB:      tcb,
		Root:     sha256.Sum256(root),
		Expires:  earliest(pck.notAfter(), documents.notAfter()),
	}, nil
}

// checkSignatures goes from the PCK to the quote: the PCK signs the quoting
// enclave's report, the report names the attestation key, and that signs the
// quote. It returns the quoting enclave's report.
func (q *Quote) checkSignatures(pck *ecdsa.PublicKey) (*sgx.ReportBody, error) {
	if !verifyRaw(pck, q.qeReport, q.qeReportSig) {
		return nil, forged("INVALID_QE_REPORT_SIGNATURE", "the quoting enclave's report is not signed by the machine's PCK")
	}
	qe, err := sgx.ParseReportBody(q.qeReport)
	if err != nil {
		return nil, malformed("the quoting enclave's report has reserved bytes that are not zero")
	}
	if qe.ReportData != q.keyBinding() {
		return nil, forged("INVALID_QE_REPORT_DATA", "the attestation key is not the one in the quoting enclave's report")
	}
	key, err := q.key()
	if err != nil {
		return nil, err
	}
	if !verifyRaw(key, q.signed, q.signature) {
		return nil, forged("INVALID_QUOTE_SIGNATURE", "the quote is not signed by its attestation key")
	}
	return &qe, nil
}

// keyBinding is the report data that binds the attestation key.
func (q *Quote) keyBinding() (data [64]byte) {
	h := sha256.New()
	h.Write(q.attestationKey)
	h.Write(q.qeAuthData)
	h.Sum(data[:0])
	return data
}
