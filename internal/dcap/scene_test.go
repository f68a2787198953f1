package dcap_test

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// noon is when everything synthetic is judged, in the middle of its validity.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A scene is a whole synthetic SGX world before it is issued. newScene fills
// in what Intel would have, and a test changes one thing.
type scene struct {
	// What is issued first.
	rootProfile, caProfile, signingProfile, pckProfile issue.Profile
	platform                                           issue.Platform
	extension                                          []byte // instead of the platform's, if not nil

	// What is signed by it.
	tcbInfo         issue.TCBInfo
	qeIdentity      issue.QEIdentity
	editTCB, editQE edit // of the JSON before it is signed
	rootCRL, pckCRL issue.CRL
	body, qe        sgx.ReportBody
	td              *issue.TD // instead of body, if not nil

	// Called between the steps, if not nil.
	certified func(*people)      // certificates are there, nothing else is signed
	binding   func(*issue.Quote) // the quote is there
	bound     func(*issue.Quote) // its QE report names the attestation key
	quoted    func(*issue.Quote) // it is signed
	handed    func(*evidence)    // everything is in bytes
}

// people hold the keys.
type people struct {
	root, ca, signing, pck *issue.Entity
	crlRoot, crlCA         *issue.Entity // who sign the revocation lists
	qeSigning              *issue.Entity // who signs the QE identity
	attestation            *ecdsa.PrivateKey
	pckKey                 *ecdsa.PrivateKey // what signs the QE report
}

// evidence is what a verifier is given.
type evidence struct {
	quote      []byte
	collateral dcap.Collateral
	root       []byte
	now        time.Time
	grace      time.Duration
}

var (
	qeSigner = sha256.Sum256([]byte("who signs the quoting enclave"))
	validity = issue.Validity{From: noon.AddDate(0, 0, -10), Until: noon.AddDate(0, 0, 20)}
	lifetime = issue.Validity{From: noon.AddDate(-1, 0, 0), Until: noon.AddDate(5, 0, 0)}
)

func newScene() *scene {
	names := issue.SimulatorNames()
	s := &scene{
		rootProfile:    issue.RootCA(names.Root, lifetime),
		caProfile:      issue.PCKCA(names.PCKCA, lifetime),
		signingProfile: issue.TCBSigning(names.TCBSigning, lifetime),
		pckProfile:     issue.TCBSigning(names.PCK, lifetime),
		platform: issue.Platform{
			PPID:       [16]byte{1, 2, 3},
			Components: [16]uint8{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
			PCESVN:     13,
			CPUSVN:     [16]byte{6, 6, 6},
			PCEID:      [2]byte{0x12, 0x34},
			FMSPC:      [6]byte{0x00, 0x90, 0x6E, 0xD5, 0xAB, 0xCD},
		},
		qe: sgx.ReportBody{
			MiscSelect: 0x01020304,
			Attributes: sgx.Attributes{Flags: sgx.FlagInit | sgx.FlagMode64 | sgx.FlagProvisionKey, XFRM: 0xE7},
			MRENCLAVE:  sha256.Sum256([]byte("the quoting enclave")),
			MRSIGNER:   qeSigner,
			ProductID:  1,
			SVN:        8,
		},
		body: sgx.ReportBody{
			Attributes: sgx.Attributes{Flags: sgx.FlagInit | sgx.FlagMode64, XFRM: 3},
			MRENCLAVE:  sha256.Sum256([]byte("an enclave")),
			MRSIGNER:   sha256.Sum256([]byte("its signer")),
			ProductID:  7,
			SVN:        9,
			ReportData: [64]byte{1, 2, 3, 63: 64},
		},
		rootCRL: issue.CRL{Validity: validity, Number: 1},
		pckCRL:  issue.CRL{Validity: validity, Number: 1},
	}
	s.tcbInfo = issue.NewTCBInfo(&s.platform, validity)
	s.qeIdentity = issue.NewQEIdentity(&s.qe, validity)
	// As Intel's library reads it, in the order of memory.
	s.qeIdentity.MiscSelect = "04030201"
	return s
}

// inTD makes the scene one of a trust domain of TDX 1.0 whose module is of
// generation 1.
func inTD(s *scene) {
	s.td = &issue.TD{
		TCBSVN:     [16]byte{5, 1, 2, 3: 1},
		MRTD:       [48]byte{0x7D},
		RTMR:       [4][48]byte{3: {1, 47: 2}},
		Attributes: 1 << 28,
		ReportData: [64]byte{4, 5, 6, 63: 7},
	}
	s.tcbInfo = issue.NewTDXInfo(&s.platform, s.td, validity)
	identity := s.qeIdentity
	identity.ID = "TD_QE"
	s.qeIdentity = identity
}

// inTD15 is inTD for TDX 1.5, where the module has not been updated since the
// launch.
func inTD15(s *scene) {
	inTD(s)
	s.td.V15, s.td.TCBSVN2, s.td.MRSERVICETD = true, s.td.TCBSVN, [48]byte{0x5D}
}

// play issues everything.
func (s *scene) play(t testing.TB) *evidence {
	t.Helper()
	p := s.certify(t)
	if s.certified != nil {
		s.certified(p)
	}
	chain := issue.PEM(p.signing.Certificate, p.root.Certificate)
	e := &evidence{
		quote: s.makeQuote(t, p),
		collateral: dcap.Collateral{
			TCBInfo:         s.document(t, p.signing, "tcbInfo", must(s.tcbInfo.Body())(t), s.editTCB),
			TCBInfoChain:    chain,
			QEIdentity:      s.document(t, p.qeSigning, "enclaveIdentity", must(s.qeIdentity.Body())(t), s.editQE),
			QEIdentityChain: chain,
			RootCRL:         must(s.rootCRL.Sign(p.crlRoot))(t),
			PCKCRL:          must(s.pckCRL.Sign(p.crlCA))(t),
		},
		root: p.root.Certificate.RawSubjectPublicKeyInfo,
		now:  noon,
	}
	if s.handed != nil {
		s.handed(e)
	}
	return e
}

func (s *scene) certify(t testing.TB) *people {
	t.Helper()
	extension := must(s.platform.Extension())(t)
	if s.extension != nil {
		extension.Value = s.extension
	}
	s.pckProfile.Extensions = append(s.pckProfile.Extensions, extension)
	p := &people{root: must(s.rootProfile.Issue(nil, nil))(t), attestation: must(issue.NewKey())(t)}
	p.ca = must(s.caProfile.Issue(p.root, nil))(t)
	p.signing = must(s.signingProfile.Issue(p.root, nil))(t)
	p.pck = must(s.pckProfile.Issue(p.ca, nil))(t)
	p.crlRoot, p.crlCA, p.qeSigning = p.root, p.ca, p.signing
	p.pckKey = p.pck.Key
	return p
}

func (s *scene) makeQuote(t testing.TB, p *people) []byte {
	t.Helper()
	q := issue.NewQuote(&s.body, &s.qe, p.pck.Certificate, p.ca.Certificate, p.root.Certificate)
	if s.td != nil {
		q = issue.NewTDQuote(s.td, &s.qe, p.pck.Certificate, p.ca.Certificate, p.root.Certificate)
	}
	call := func(hook func(*issue.Quote)) {
		if hook != nil {
			hook(q)
		}
	}
	call(s.binding)
	check(t, q.BindKey(&p.attestation.PublicKey))
	call(s.bound)
	check(t, q.SignQEReport(p.pckKey))
	check(t, q.Sign(p.attestation))
	call(s.quoted)
	return q.Append(nil)
}

func (s *scene) document(t testing.TB, by *issue.Entity, member string, body []byte, f edit) []byte {
	t.Helper()
	if f != nil {
		body = []byte(f(string(body)))
	}
	return must(issue.SignDocument(by, member, body))(t)
}

// verify is the whole way from bytes to a verdict.
func (e *evidence) verify() (*dcap.Verdict, error) {
	q, err := dcap.ParseQuote(e.quote)
	if err != nil {
		return nil, err
	}
	pck, err := q.PCK()
	if err != nil {
		return nil, err
	}
	return dcap.Verify(q, pck, e.collateral, e.root, e.now)
}

// remembering is verify with a memory and parsed collateral.
func (e *evidence) remembering(m *dcap.Memory, d *dcap.Documents) (*dcap.Verdict, error) {
	q, err := dcap.ParseQuote(e.quote)
	if err != nil {
		return nil, err
	}
	pck, err := m.PCK(q)
	if err != nil {
		return nil, err
	}
	return m.Verify(q, pck, d, e.root, e.now, e.grace)
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		check(t, err)
		return v
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
