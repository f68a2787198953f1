package attest_test

import (
	"encoding/hex"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cleave-sdk/cleave/attest"
)

const base = "/sgx/certification/v4"

// A service answers as Intel's does. A test replaces an answer by its path.
type service struct {
	answers map[string]http.HandlerFunc

	mu       sync.Mutex
	requests []string
}

func newService(c *attest.Collateral) *service {
	answer := func(body []byte, header string, chain []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if header != "" {
				w.Header().Set(header, url.PathEscape(string(chain)))
			}
			w.Write(body)
		}
	}
	return &service{answers: map[string]http.HandlerFunc{
		base + "/tcb":         answer(c.TCBInfo, "TCB-Info-Issuer-Chain", c.TCBInfoChain),
		base + "/qe/identity": answer(c.QEIdentity, "SGX-Enclave-Identity-Issuer-Chain", c.QEIdentityChain),
		base + "/pckcrl":      answer(c.PCKCRL, "", nil),
		base + "/rootcacrl":   answer(c.RootCRL, "", nil),
	}}
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests = append(s.requests, r.Method+" "+r.URL.String())
	s.mu.Unlock()
	if answer, ok := s.answers[r.URL.Path]; ok {
		answer(w, r)
		return
	}
	http.NotFound(w, r)
}

func (s *service) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(slices.Values(s.requests))
}

// start returns a PCS that asks s, and does not ask twice.
func (s *service) start(t *testing.T) *attest.PCS {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return &attest.PCS{URL: server.URL + base, Retries: -1}
}

func subject(m *machine) attest.Subject {
	return attest.Subject{FMSPC: m.platform.FMSPC, CA: "platform"}
}

func TestPCS(t *testing.T) {
	m := newMachine(t)
	want := m.collateral(t)
	s := newService(want)
	pcs := s.start(t)
	got, err := pcs.Collateral(t.Context(), subject(m))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if asked := s.asked(); !slices.Equal(asked, []string{
		"GET " + base + "/pckcrl?encoding=der&ca=platform",
		"GET " + base + "/qe/identity",
		"GET " + base + "/rootcacrl",
		"GET " + base + "/tcb?fmspc=00906ed5abcd",
	}) {
		t.Errorf("asked for %q", asked)
	}
	v := m.verifier(t, "friend")
	v.Collateral = pcs
	_, err = v.Verify(t.Context(), m.quote(t, enclave("friend"), [64]byte{}), [64]byte{})
	check(t, err)
}

func TestPCSVariants(t *testing.T) {
	m := newMachine(t)
	c := m.collateral(t)
	serve := func(b []byte) http.HandlerFunc { return func(w http.ResponseWriter, _ *http.Request) { w.Write(b) } }
	tests := map[string]func(*service, *attest.PCS){
		"slash at the end": func(_ *service, p *attest.PCS) { p.URL += "/" },
		"lists in hexadecimal": func(s *service, _ *attest.PCS) {
			s.answers[base+"/pckcrl"] = serve(hex.AppendEncode(nil, c.PCKCRL))
			s.answers[base+"/rootcacrl"] = serve(hex.AppendEncode(nil, c.RootCRL))
		},
		"lists in PEM": func(s *service, _ *attest.PCS) {
			s.answers[base+"/pckcrl"] = serve(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: c.PCKCRL}))
			s.answers[base+"/rootcacrl"] = serve(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: c.RootCRL}))
		},
		"header of version 3, in lower case": func(s *service, _ *attest.PCS) {
			s.answers[base+"/tcb"] = func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["sgx-tcb-info-issuer-chain"] = []string{url.PathEscape(string(c.TCBInfoChain))}
				w.Write(c.TCBInfo)
			}
		},
		"header with plus signs for spaces": func(s *service, _ *attest.PCS) {
			s.answers[base+"/qe/identity"] = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("SGX-Enclave-Identity-Issuer-Chain", url.QueryEscape(string(c.QEIdentityChain)))
				w.Write(c.QEIdentity)
			}
		},
		"header without escapes": func(s *service, _ *attest.PCS) {
			s.answers[base+"/qe/identity"] = func(w http.ResponseWriter, _ *http.Request) {
				line := strings.NewReplacer("-----\n", "-----%0A", "\n-----", "%0A-----", "\n", "").Replace(string(c.QEIdentityChain))
				w.Header().Set("Enclave-Identity-Issuer-Chain", line)
				w.Write(c.QEIdentity)
			}
		},
		"root's list elsewhere": func(s *service, p *attest.PCS) {
			s.answers["/IntelSGXRootCA.der"] = s.answers[base+"/rootcacrl"]
			delete(s.answers, base+"/rootcacrl")
			p.RootCRL = strings.TrimSuffix(p.URL, base) + "/IntelSGXRootCA.der"
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			s := newService(c)
			pcs := s.start(t)
			change(s, pcs)
			v := m.verifier(t, "friend")
			v.Collateral = pcs
			_, err := v.Verify(t.Context(), m.quote(t, enclave("friend"), [64]byte{}), [64]byte{})
			check(t, err)
		})
	}
}

// TestIntelPCS is what the zero PCS asks for.
func TestIntelPCS(t *testing.T) {
	m := newMachine(t)
	c := m.collateral(t)
	s := newService(c)
	s.answers["/IntelSGXRootCA.der"] = s.answers[base+"/rootcacrl"]
	var mu sync.Mutex
	var asked []string
	client := &http.Client{Transport: roundTrip(func(r *http.Request) *http.Response {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.URL.String())
		recorder := httptest.NewRecorder()
		s.ServeHTTP(recorder, r)
		return recorder.Result()
	})}
	got, err := (&attest.PCS{Client: client}).Collateral(t.Context(), attest.Subject{FMSPC: m.platform.FMSPC, CA: "processor"})
	if err != nil || !reflect.DeepEqual(got, c) {
		t.Errorf("%v, %v", got, err)
	}
	slices.Sort(asked)
	if !slices.Equal(asked, []string{
		"https://api.trustedservices.intel.com/sgx/certification/v4/pckcrl?encoding=der&ca=processor",
		"https://api.trustedservices.intel.com/sgx/certification/v4/qe/identity",
		"https://api.trustedservices.intel.com/sgx/certification/v4/tcb?fmspc=00906ed5abcd",
		"https://certificates.trustedservices.intel.com/IntelSGXRootCA.der",
	}) {
		t.Errorf("asked for %q", asked)
	}
}

type roundTrip func(*http.Request) *http.Response

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }
