package sim

import (
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cleave-sdk/cleave/internal/issue"
)

// skew is how far the clocks of two machines may differ before a document
// seems to come from the future.
const skew = time.Hour

// PCS serves the machine's collateral at the paths of Intel's Provisioning
// Certification Service v4, below /sgx/certification/v4/:
//
//	tcb?fmspc=…                            TCB info of this machine
//	qe/identity                            its quoting enclave's identity
//	pckcrl?ca=platform[&encoding=der|pem]  revoked PCK certificates
//	rootcacrl                              the root's, in hex, as a PCCS has it
//
// Everything is signed when it is asked for, and good for thirty days. It says
// what is the case then: another process may have announced a TCB recovery.
func (m *Machine) PCS() http.Handler {
	s := service{m}
	mux := http.NewServeMux()
	mux.Handle("GET /sgx/certification/v4/tcb", handler(s.tcbInfo))
	mux.Handle("GET /sgx/certification/v4/qe/identity", handler(s.qeIdentity))
	mux.Handle("GET /sgx/certification/v4/pckcrl", handler(s.pckCRL))
	mux.Handle("GET /sgx/certification/v4/rootcacrl", handler(s.rootCRL))
	return mux
}

// service finds the answers to queries.
type service struct{ *Machine }

// answer is a document with the certificates of its signer, named as Intel
// does.
type answer struct {
	contentType string
	body        []byte
	chainHeader string
	chain       []*x509.Certificate
}

// refusal is the HTTP status that says why there is no answer.
type refusal int

func (r refusal) Error() string { return http.StatusText(int(r)) }

// handler is a query to be answered. The error of one that failed to be signed
// is no concern of the client's.
type handler func(url.Values) (*answer, error)

func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a, err := h.answer(r.URL.RawQuery)
	if err != nil {
		status := refusal(http.StatusInternalServerError)
		errors.As(err, &status)
		http.Error(w, status.Error(), int(status))
		return
	}
	w.Header().Set("Content-Type", a.contentType)
	if a.chainHeader != "" {
		w.Header().Set(a.chainHeader, escape(issue.PEM(a.chain...)))
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.Write(a.body)
}

func (h handler) answer(rawQuery string) (*answer, error) {
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return nil, refusal(http.StatusBadRequest)
	}
	return h(query)
}

// escape leaves no plus sign, which some decoders take for a space.
func escape(b []byte) string {
	return strings.ReplaceAll(url.QueryEscape(string(b)), "+", "%20")
}

func (s service) tcbInfo(query url.Values) (*answer, error) {
	p := &s.cpu.platform
	fmspc, err := hex.DecodeString(query.Get("fmspc"))
	if err != nil || len(fmspc) != len(p.FMSPC) || !updates(query) {
		return nil, refusal(http.StatusBadRequest)
	}
	if [6]byte(fmspc) != p.FMSPC {
		return nil, refusal(http.StatusNotFound)
	}
	now, err := s.keeper.current()
	if err != nil {
		return nil, err
	}
	info := issue.NewTCBInfo(p, s.validity())
	info.Levels, info.EvaluationNumber = now.levels(), now.evaluation()
	return s.document("TCB-Info-Issuer-Chain", info)
}

func (s service) qeIdentity(query url.Values) (*answer, error) {
	if !updates(query) {
		return nil, refusal(http.StatusBadRequest)
	}
	now, err := s.keeper.current()
	if err != nil {
		return nil, err
	}
	identity := issue.NewQEIdentity(&s.cpu.quoting.enclave.body, s.validity())
	identity.EvaluationNumber = now.evaluation()
	return s.document("SGX-Enclave-Identity-Issuer-Chain", identity)
}

// updates accepts the choice between early and standard updates, which are the
// same here.
func updates(query url.Values) bool {
	return slices.Contains([]string{"", "early", "standard"}, query.Get("update"))
}

func (s service) document(chainHeader string, d interface {
	Sign(*issue.Entity) ([]byte, error)
}) (*answer, error) {
	body, err := d.Sign(s.cpu.authority.TCBSigning)
	return &answer{"application/json", body, chainHeader, s.cpu.authority.TCBSigningChain()}, err
}

func (s service) pckCRL(query url.Values) (*answer, error) {
	encoding, known := crlEncodings()[query.Get("encoding")]
	ca := query.Get("ca")
	if !known || ca != "platform" && ca != "processor" {
		return nil, refusal(http.StatusBadRequest)
	}
	if ca == "processor" {
		return nil, refusal(http.StatusNotFound)
	}
	now, err := s.keeper.current()
	if err != nil {
		return nil, err
	}
	list := issue.CRL{Validity: s.validity(), Number: 1}
	for _, pck := range now.Revoked {
		list.Revoked = append(list.Revoked, pck.c.SerialNumber)
	}
	der, err := list.Sign(s.cpu.authority.PCKCA)
	return &answer{encoding.contentType, encoding.encode(der), "SGX-PCK-CRL-Issuer-Chain", s.cpu.authority.PCKCAChain()}, err
}

type crlEncoding struct {
	contentType string
	encode      func(der []byte) []byte
}

func crlEncodings() map[string]crlEncoding {
	text := crlEncoding{"application/x-pem-file", func(der []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
	}}
	return map[string]crlEncoding{
		"":    text,
		"pem": text,
		"der": {"application/pkix-crl", func(der []byte) []byte { return der }},
	}
}

func (s service) rootCRL(url.Values) (*answer, error) {
	der, err := issue.CRL{Validity: s.validity(), Number: 1}.Sign(s.cpu.authority.Root)
	return &answer{contentType: "application/pkix-crl", body: hex.AppendEncode(nil, der)}, err
}

func (s service) validity() issue.Validity { return issue.Days(s.now().Add(-skew), 30) }
