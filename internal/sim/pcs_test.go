package sim_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/internal/sim"
)

const base = "/sgx/certification/v4/"

func TestPCSPaths(t *testing.T) {
	m := open(t, fresh(t))
	server := httptest.NewServer(m.PCS())
	defer server.Close()
	fmspc := fmt.Sprintf("%X", m.Platform().FMSPC)
	const (
		jsonType = "application/json"
		derType  = "application/pkix-crl"
		pemType  = "application/x-pem-file"
	)
	tests := map[string]struct {
		method, path string
		status       int
		contentType  string
		chain        string // the header
	}{
		"TCB info":            {"GET", base + "tcb?fmspc=" + fmspc, 200, jsonType, "TCB-Info-Issuer-Chain"},
		"lower case":          {"GET", base + "tcb?fmspc=" + strings.ToLower(fmspc), 200, jsonType, "TCB-Info-Issuer-Chain"},
		"early":               {"GET", base + "tcb?update=early&fmspc=" + fmspc, 200, jsonType, "TCB-Info-Issuer-Chain"},
		"HEAD":                {"HEAD", base + "tcb?fmspc=" + fmspc, 200, jsonType, "TCB-Info-Issuer-Chain"},
		"QE identity":         {"GET", base + "qe/identity", 200, jsonType, "SGX-Enclave-Identity-Issuer-Chain"},
		"standard":            {"GET", base + "qe/identity?update=standard", 200, jsonType, "SGX-Enclave-Identity-Issuer-Chain"},
		"PCK CRL":             {"GET", base + "pckcrl?ca=platform", 200, pemType, "SGX-PCK-CRL-Issuer-Chain"},
		"PCK CRL, PEM":        {"GET", base + "pckcrl?ca=platform&encoding=pem", 200, pemType, "SGX-PCK-CRL-Issuer-Chain"},
		"PCK CRL, DER":        {"GET", base + "pckcrl?ca=platform&encoding=der", 200, derType, "SGX-PCK-CRL-Issuer-Chain"},
		"root CRL":            {"GET", base + "rootcacrl", 200, derType, ""},
		"another FMSPC":       {"GET", base + "tcb?fmspc=00606A000000", 404, "", ""},
		"no FMSPC":            {"GET", base + "tcb", 400, "", ""},
		"short FMSPC":         {"GET", base + "tcb?fmspc=00606A0000", 400, "", ""},
		"long FMSPC":          {"GET", base + "tcb?fmspc=" + fmspc + "00", 400, "", ""},
		"FMSPC of no hex":     {"GET", base + "tcb?fmspc=00606A00000G", 400, "", ""},
		"unknown update":      {"GET", base + "tcb?update=late&fmspc=" + fmspc, 400, "", ""},
		"unknown QE update":   {"GET", base + "qe/identity?update=late", 400, "", ""},
		"broken query":        {"GET", base + "tcb?fmspc=%zz", 400, "", ""},
		"broken second query": {"GET", base + "rootcacrl?%zz", 400, "", ""},
		"processor CA":        {"GET", base + "pckcrl?ca=processor", 404, "", ""},
		"no CA":               {"GET", base + "pckcrl", 400, "", ""},
		"unknown CA":          {"GET", base + "pckcrl?ca=root", 400, "", ""},
		"unknown encoding":    {"GET", base + "pckcrl?ca=platform&encoding=hex", 400, "", ""},
		"POST":                {"POST", base + "tcb?fmspc=" + fmspc, 405, "", ""},
		"DELETE":              {"DELETE", base + "rootcacrl", 405, "", ""},
		"below a path":        {"GET", base + "tcb/x", 404, "", ""},
		"nothing":             {"GET", base, 404, "", ""},
		"other version":       {"GET", "/sgx/certification/v3/qe/identity", 404, "", ""},
		"TDX":                 {"GET", "/tdx/certification/v4/qe/identity", 404, "", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			request, err := http.NewRequest(test.method, server.URL+test.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := server.Client().Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil || response.StatusCode != test.status {
				t.Fatalf("status %s, %v, want %d", response.Status, err, test.status)
			}
			if test.status != 200 {
				return
			}
			if got := response.Header.Get("Content-Type"); got != test.contentType {
				t.Errorf("content type %q, want %q", got, test.contentType)
			}
			if empty := len(body) == 0; empty != (test.method == "HEAD") {
				t.Errorf("%d bytes in answer to %s", len(body), test.method)
			}
			if test.chain != "" && response.Header.Get(test.chain) == "" {
				t.Errorf("no %s in %v", test.chain, response.Header)
			}
		})
	}
}

func ask(t *testing.T, m *sim.Machine, path string) (http.Header, []byte) {
	t.Helper()
	recorder := httptest.NewRecorder()
	m.PCS().ServeHTTP(recorder, httptest.NewRequest("GET", base+path, nil))
	if recorder.Code != 200 {
		t.Fatalf("%s: status %d", path, recorder.Code)
	}
	return recorder.Header(), recorder.Body.Bytes()
}

// issuer is the signer's certificate in a header, after checking that its
// chain ends in the machine's root.
func issuer(t *testing.T, m *sim.Machine, escaped string) *x509.Certificate {
	t.Helper()
	if strings.ContainsAny(escaped, "+ \n") {
		t.Errorf("not escaped for every decoder: %q", escaped)
	}
	pems, err := url.PathUnescape(escaped)
	if err != nil {
		t.Fatal(err)
	}
	chain := certificates(t, []byte(pems))
	if len(chain) != 2 || !chain[1].Equal(m.Root()) {
		t.Fatalf("%d certificates, want signer and root", len(chain))
	}
	if err := chain[0].CheckSignatureFrom(m.Root()); err != nil {
		t.Error(err)
	}
	return chain[0]
}

type dated struct {
	IssueDate, NextUpdate time.Time
}

func TestPCSDocuments(t *testing.T) {
	m := open(t, fresh(t))
	now := time.Now().AddDate(3, 0, 0).UTC().Truncate(time.Second)
	m.SetNow(now)
	tests := map[string]struct{ path, header, member, shows string }{
		"TCB info": {
			fmt.Sprintf("tcb?fmspc=%x", m.Platform().FMSPC), "TCB-Info-Issuer-Chain", "tcbInfo",
			fmt.Sprintf(`"fmspc":"%X","pceId":"0000","tcbType":0`, m.Platform().FMSPC),
		},
		"QE identity": {
			"qe/identity", "SGX-Enclave-Identity-Issuer-Chain", "enclaveIdentity",
			`"attributes":"11000000000000000000000000000000","attributesMask":"FBFFFFFFFFFFFFFF0000000000000000","mrsigner":"8C4F5775D796503E96137F77C68A829A0056AC8DED70140B081B094490C57BFF","isvprodid":1,"tcbLevels":[{"tcb":{"isvsvn":8}`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			header, b := ask(t, m, test.path)
			var document map[string]json.RawMessage
			if err := json.Unmarshal(b, &document); err != nil {
				t.Fatal(err)
			}
			body := document[test.member]
			signature, err := hex.DecodeString(strings.Trim(string(document["signature"]), `"`))
			if err != nil || len(signature) != 64 {
				t.Fatalf("signature %x, %v", signature, err)
			}
			signer := issuer(t, m, header.Get(test.header))
			if !verifies(signer.PublicKey.(*ecdsa.PublicKey), body, signature) {
				t.Error("the signature is wrong")
			}
			if !bytes.Contains(body, []byte(test.shows)) || !bytes.Contains(body, []byte(`"tcbStatus":"UpToDate"`)) {
				t.Errorf("no %s, or not up to date: %s", test.shows, body)
			}
			var d dated
			if err := json.Unmarshal(body, &d); err != nil {
				t.Fatal(err)
			}
			checkFresh(t, now, d)
		})
	}
}

func TestPCSLists(t *testing.T) {
	m := open(t, fresh(t))
	now := time.Now().AddDate(3, 0, 0).UTC().Truncate(time.Second)
	m.SetNow(now)

	header, der := ask(t, m, "pckcrl?ca=platform&encoding=der")
	_, text := ask(t, m, "pckcrl?ca=platform")
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "X509 CRL" {
		t.Fatalf("not a list in PEM: %s", text)
	}
	_, inHex := ask(t, m, "rootcacrl")
	root, err := hex.DecodeString(string(inHex))
	if err != nil {
		t.Fatal(err)
	}
	ca := issuer(t, m, header.Get("SGX-PCK-CRL-Issuer-Chain"))
	for name, test := range map[string]struct {
		der []byte
		by  *x509.Certificate
	}{"DER": {der, ca}, "PEM": {block.Bytes, ca}, "root": {root, m.Root()}} {
		list, err := x509.ParseRevocationList(test.der)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := list.CheckSignatureFrom(test.by); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n := len(list.RevokedCertificateEntries); n != 0 {
			t.Errorf("%s: %d revoked", name, n)
		}
		checkFresh(t, now, dated{list.ThisUpdate, list.NextUpdate})
	}
}

// checkFresh wants what neither is stale nor, to a clock somewhat late, comes
// from the future.
func checkFresh(t *testing.T, now time.Time, d dated) {
	t.Helper()
	if age := now.Sub(d.IssueDate); age < time.Minute || age > 24*time.Hour {
		t.Errorf("issued at %v, now is %v", d.IssueDate, now)
	}
	if left := d.NextUpdate.Sub(now); left < 29*24*time.Hour || left > 30*24*time.Hour {
		t.Errorf("good until %v, now is %v", d.NextUpdate, now)
	}
}

func BenchmarkTCBInfo(b *testing.B) {
	m := open(b, fresh(b))
	handler := m.PCS()
	request := httptest.NewRequest("GET", fmt.Sprintf("%stcb?fmspc=%x", base, m.Platform().FMSPC), nil)
	for b.Loop() {
		handler.ServeHTTP(httptest.NewRecorder(), request)
	}
}
