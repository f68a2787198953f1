package dcap

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"slices"
	"time"

	"github.com/cleave-sdk/cleave/internal/sgx"
)

// Collateral is what Intel publishes about a family of platforms, as received.
type Collateral struct {
	TCBInfo         []byte // JSON with its signature
	TCBInfoChain    []byte // PEM
	QEIdentity      []byte // JSON with its signature
	QEIdentityChain []byte // PEM
	RootCRL         []byte // DER, PEM or hexadecimal
	PCKCRL          []byte // DER, PEM or hexadecimal
}

// TCB is Intel's judgement of the platform and its quoting enclave together.
type TCB struct {
	Status     Status
	Advisories []string  // that apply, sorted
	Date       time.Time // up to when known weaknesses are accounted for
	Evaluation uint32    // number of Intel's evaluation: the lower of the two documents'
}

// Verdict says that a quote is genuine.
type Verdict struct {
	Body     sgx.ReportBody
	Platform Platform
	TCB      TCB
	Root     [32]byte  // SHA-256 of the root's SubjectPublicKeyInfo
	Expires  time.Time // when the first document the verdict rests on does
}

// Verify says whether q, which brings the chain pck or has it from elsewhere,
// is genuine under the root key, a SubjectPublicKeyInfo, at the time now. It
// asks neither what enclave q is of nor what it says.
func Verify(q *Quote, pck *PCKChain, c Collateral, root []byte, now time.Time) (*Verdict, error) {
	docs, err := parse(c)
	if err != nil {
		return nil, err
	}
	a := anchor{root, now}
	if err := pck.check(a, docs.rootCRL, docs.pckCRL); err != nil {
		return nil, err
	}
	if err := docs.check(a); err != nil {
		return nil, err
	}
	qe, err := q.checkSignatures(pck.Leaf.PublicKey.(*ecdsa.PublicKey))
	if err != nil {
		return nil, err
	}
	tcb, err := docs.judge(&pck.Platform, qe)
	if err != nil {
		return nil, err
	}
	return &Verdict{
		Body:     q.Body,
		Platform: pck.Platform,
		TCB:      tcb,
		Root:     sha256.Sum256(root),
		Expires:  earliest(pck.notAfter(), docs.notAfter()),
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

// documents is parsed collateral. The last two are there once it is checked.
type documents struct {
	tcbDocument, qeDocument document
	tcbSigner, qeSigner     *signer
	rootCRL, pckCRL         *x509.RevocationList
	tcbInfo                 *tcbInfo
	qeIdentity              *qeIdentity
}

func parse(c Collateral) (d documents, err error) {
	if d.tcbDocument, err = parseTCBDocument(c.TCBInfo); err != nil {
		return d, err
	}
	if d.qeDocument, err = parseQEDocument(c.QEIdentity); err != nil {
		return d, err
	}
	if d.tcbSigner, err = parseSigner(c.TCBInfoChain); err != nil {
		return d, err
	}
	if d.qeSigner, err = parseSigner(c.QEIdentityChain); err != nil {
		return d, err
	}
	if d.rootCRL, err = parseCRL("root CA", c.RootCRL); err != nil {
		return d, err
	}
	d.pckCRL, err = parseCRL("PCK", c.PCKCRL)
	return d, err
}

// check verifies the two signed documents and reads them.
func (d *documents) check(a anchor) (err error) {
	if err = d.tcbSigner.check(a, d.rootCRL, d.tcbDocument, "TCB_INFO_INVALID_SIGNATURE", "TCB info"); err != nil {
		return err
	}
	if err = d.qeSigner.check(a, d.rootCRL, d.qeDocument, "ENCLAVE_IDENTITY_INVALID_SIGNATURE", "QE identity"); err != nil {
		return err
	}
	if d.tcbInfo, err = d.tcbDocument.tcbInfo(); err != nil {
		return err
	}
	if d.qeIdentity, err = d.qeDocument.qeIdentity(); err != nil {
		return err
	}
	if err = d.tcbInfo.validity.check(a, "TCB_INFO_EXPIRED", "TCB info"); err != nil {
		return err
	}
	return d.qeIdentity.validity.check(a, "ENCLAVE_IDENTITY_EXPIRED", "QE identity")
}

func (d *documents) judge(p *Platform, qe *sgx.ReportBody) (TCB, error) {
	platform, err := d.tcbInfo.level(p)
	if err != nil {
		return TCB{}, err
	}
	enclave, err := d.qeIdentity.level(qe)
	if err != nil {
		return TCB{}, err
	}
	advisories := slices.Concat(platform.Advisories, enclave.Advisories)
	slices.Sort(advisories)
	return TCB{
		Status:     platform.Status.with(enclave.Status),
		Advisories: slices.Compact(advisories),
		Date:       earliest(platform.Date, enclave.Date),
		Evaluation: min(d.tcbInfo.Evaluation, d.qeIdentity.Evaluation),
	}, nil
}

func (d *documents) notAfter() time.Time {
	return earliest(d.tcbInfo.NextUpdate, d.qeIdentity.NextUpdate, d.rootCRL.NextUpdate, d.pckCRL.NextUpdate,
		d.tcbSigner.notAfter(), d.qeSigner.notAfter())
}
