package main

import (
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"net/url"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// noon is when the synthetic files are valid.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A machine writes the files that scripts use.
type machine struct {
	authority *issue.Authority
	pck       *issue.Entity
	platform  issue.Platform
	qe        sgx.ReportBody
}

func newMachine() (*machine, error) {
	names, life := issue.SimulatorNames(), issue.Days(noon.AddDate(-1, 0, 0), 10*365)
	m := &machine{
		platform: issue.Platform{FMSPC: [6]byte{0x00, 0x90, 0x6E, 0xD5, 0xAB, 0xCD}, PCESVN: 13},
		qe:       sgx.ReportBody{Attributes: sgx.Attributes{Flags: sgx.FlagInit | sgx.FlagMode64}, MRSIGNER: [32]byte{1}, ProductID: 1, SVN: 8},
	}
	var err error
	if m.authority, err = issue.NewAuthority(names, life); err != nil {
		return nil, err
	}
	m.pck, err = m.authority.PCK(names.PCK, life, m.platform)
	return m, err
}

// quote is of the enclave that scripts know as $MEASUREMENT, product 7 of
// $SIGNER with SVN 9.
func (m *machine) quote(flags uint64) ([]byte, error) {
	return m.quoteFor(flags, [64]byte{0xDA, 0x7A})
}

func (m *machine) quoteFor(flags uint64, data [64]byte) ([]byte, error) {
	body := sgx.ReportBody{
		Attributes: sgx.Attributes{Flags: sgx.FlagInit | sgx.FlagMode64 | flags, XFRM: 3},
		MRENCLAVE:  sha256.Sum256([]byte("an enclave")),
		MRSIGNER:   sha256.Sum256([]byte("its signer")),
		ProductID:  7,
		SVN:        9,
		ReportData: data,
	}
	return m.sign(issue.NewQuote(&body, &m.qe, m.authority.PCKChain(m.pck)...))
}

// tdQuote is of a trust domain.
func (m *machine) tdQuote() ([]byte, error) {
	td := issue.TD{TCBSVN: [16]byte{5, 1, 2}, MRTD: [48]byte{0x7D}, ReportData: [64]byte{0xDA, 0x7A}}
	return m.sign(issue.NewTDQuote(&td, &m.qe, m.authority.PCKChain(m.pck)...))
}

func (m *machine) sign(q *issue.Quote) ([]byte, error) {
	key, err := issue.NewKey()
	if err != nil {
		return nil, err
	}
	if err := q.BindKey(&key.PublicKey); err != nil {
		return nil, err
	}
	if err := q.SignQEReport(m.pck.Key); err != nil {
		return nil, err
	}
	err = q.Sign(key)
	return q.Append(nil), err
}

// collateral judges the platform so.
func (m *machine) collateral(status string, advisories ...string) (*attest.Collateral, error) {
	valid := issue.Days(noon.AddDate(0, 0, -10), 30)
	info := issue.NewTCBInfo(&m.platform, valid)
	info.Levels[0].Status, info.Levels[0].Advisories = status, advisories
	chain := issue.PEM(m.authority.TCBSigningChain()...)
	c := &attest.Collateral{TCBInfoChain: chain, QEIdentityChain: chain}
	var err error
	for content, sign := range map[*[]byte]func() ([]byte, error){
		&c.TCBInfo:    func() ([]byte, error) { return info.Sign(m.authority.TCBSigning) },
		&c.QEIdentity: func() ([]byte, error) { return issue.NewQEIdentity(&m.qe, valid).Sign(m.authority.TCBSigning) },
		&c.RootCRL:    func() ([]byte, error) { return issue.CRL{Validity: valid, Number: 1}.Sign(m.authority.Root) },
		&c.PCKCRL:     func() ([]byte, error) { return issue.CRL{Validity: valid, Number: 1}.Sign(m.authority.PCKCA) },
	} {
		if *content, err = sign(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// serve is a service with Intel's paths.
func serve(c *attest.Collateral) *httptest.Server {
	mux := http.NewServeMux()
	answer := func(path string, body []byte) {
		mux.HandleFunc("GET /sgx/certification/v4/"+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("TCB-Info-Issuer-Chain", url.PathEscape(string(c.TCBInfoChain)))
			w.Header().Set("SGX-Enclave-Identity-Issuer-Chain", url.PathEscape(string(c.QEIdentityChain)))
			w.Write(body)
		})
	}
	answer("tcb", c.TCBInfo)
	answer("qe/identity", c.QEIdentity)
	answer("pckcrl", c.PCKCRL)
	answer("rootcacrl", c.RootCRL)
	return httptest.NewServer(mux)
}
