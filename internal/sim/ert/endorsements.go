package ert

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/cleave-sdk/cleave/internal/dcap"
)

// endorsements are what Intel's quote provider library collects for a quote, as
// the texts it hands out: revocation lists are hexadecimal.
type endorsements struct {
	tcbInfo, tcbInfoChain       string
	qeIdentity, qeIdentityChain string
	pckCRL, pckCRLChain         string
	rootCRL                     string
}

// collect asks the service for all that a quote with such a certificate needs.
func collect(pcs http.Handler, pck *dcap.PCKChain) (*endorsements, bool) {
	var e endorsements
	s := service{pcs}
	ok := s.ask(fmt.Sprintf("tcb?fmspc=%x", pck.Platform.FMSPC), &e.tcbInfo, "TCB-Info-Issuer-Chain", &e.tcbInfoChain) &&
		s.ask("qe/identity", &e.qeIdentity, "SGX-Enclave-Identity-Issuer-Chain", &e.qeIdentityChain) &&
		s.ask("pckcrl?encoding=der&ca="+pck.Issuer(), &e.pckCRL, "SGX-PCK-CRL-Issuer-Chain", &e.pckCRLChain) &&
		s.ask("rootcacrl", &e.rootCRL, "", new(string))
	e.pckCRL = hex.EncodeToString([]byte(e.pckCRL))
	return &e, ok
}

func (e *endorsements) collateral() dcap.Collateral {
	return dcap.Collateral{
		TCBInfo:         []byte(e.tcbInfo),
		TCBInfoChain:    []byte(e.tcbInfoChain),
		QEIdentity:      []byte(e.qeIdentity),
		QEIdentityChain: []byte(e.qeIdentityChain),
		RootCRL:         []byte(e.rootCRL),
		PCKCRL:          []byte(e.pckCRL),
	}
}

// service is a provisioning certification service in this process.
type service struct{ http.Handler }

// ask gets what is at a path and, from the named header, its signer's chain.
func (s service) ask(path string, body *string, header string, chain *string) bool {
	request, err := http.NewRequest(http.MethodGet, "http://localhost/sgx/certification/v4/"+path, nil)
	if err != nil {
		return false
	}
	a := answer{status: http.StatusOK, header: http.Header{}}
	s.ServeHTTP(&a, request)
	*body = a.body.String()
	*chain, err = url.QueryUnescape(a.header.Get(header))
	return err == nil && a.status == http.StatusOK && *body != ""
}

// answer is an http.ResponseWriter that keeps what is written.
type answer struct {
	status int
	header http.Header
	body   strings.Builder
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }
