package doctor_test

import (
	"bytes"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/cleave-sdk/cleave/internal/doctor"
	"github.com/cleave-sdk/cleave/internal/issue"
)

func TestIssuer(t *testing.T) {
	v, other := intel(), forger()
	text := strings.TrimSpace(string(issue.PEM(v.PCKCAChain()...)))
	root := v.Root.Certificate.RawSubjectPublicKeyInfo
	good := url.PathEscape(text)
	for name, row := range map[string]struct {
		escaped string
		root    []byte
		ok      bool
	}{
		"good":            {good, root, true},
		"plus for spaces": {url.QueryEscape(text), root, true},
		"root first":      {url.PathEscape(string(issue.PEM(v.Root.Certificate, v.PCKCA.Certificate))), root, true},
		"roots alone":     {url.PathEscape(string(issue.PEM(v.Root.Certificate, v.Root.Certificate))), root, false},
		"of another":      {url.PathEscape(string(issue.PEM(v.PCKCA.Certificate, other.Root.Certificate))), root, false},
		"empty":           {"", root, false},
		"other root":      {good, other.Root.Certificate.RawSubjectPublicKeyInfo, false},
		"no root":         {good, nil, false},
		"other authority": {url.PathEscape(string(issue.PEM(other.PCKCA.Certificate, v.Root.Certificate))), root, false},
		"all of another":  {url.PathEscape(string(issue.PEM(other.PCKCAChain()...))), root, false},
		"not escaped":     {"-----BEGIN%", root, false},
	} {
		if c, err := doctor.Issuer(row.escaped, row.root); (err == nil) != row.ok || (c == nil) == row.ok {
			t.Errorf("%s: %t, %v", name, c != nil, err)
		}
	}
	for n := range len(good) {
		if _, err := doctor.Issuer(good[:n], root); err == nil {
			t.Fatalf("cut to %d of %d", n, len(good))
		}
	}
}

func FuzzIssuer(f *testing.F) {
	v := intel()
	root := v.Root.Certificate.RawSubjectPublicKeyInfo
	f.Add(url.PathEscape(string(issue.PEM(v.PCKCAChain()...))))
	f.Add(url.QueryEscape(string(issue.PEM(forger().PCKCAChain()...))))
	f.Fuzz(func(t *testing.T, escaped string) {
		c, err := doctor.Issuer(escaped, root)
		if err == nil && c.CheckSignatureFrom(v.Root.Certificate) != nil {
			t.Error("not of the root")
		}
	})
}

func TestKept(t *testing.T) {
	b := bytes.TrimSpace(kept(intel()))
	if fmspc, ok := doctor.Kept(b); !ok || fmspc != "00606a000000" {
		t.Error(fmspc, ok)
	}
	for n := range len(b) {
		if fmspc, ok := doctor.Kept(b[:n]); ok {
			t.Fatalf("%s, cut to %d of %d", fmspc, n, len(b))
		}
	}
}

func FuzzKept(f *testing.F) {
	f.Add(kept(intel()))
	f.Add([]byte("\nSGX-PCK-Certificate-Issuer-Chain: %\n-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if fmspc, ok := doctor.Kept(b); ok && len(fmspc) != 12 {
			t.Error(fmspc)
		}
	})
}

// FuzzNode has whoever writes the files of a node say anything at all.
func FuzzNode(f *testing.F) {
	f.Add("sgx.intel.com/quote-provider=", `{"Data":{"RegisteredDevices":{"sgx.intel.com/epc":["1"]}}}`, "sgx_epc 1")
	f.Add("a`evil`:x:121:\n:x:0:", `{"pccs_url": "https://a/sgx/certification/v4/$(evil)"}`, "-evil;")
	f.Add("\x1b[2J", "[[[[", "sgx_epc 18446744073709551615\nsgx_epc -1")
	f.Fuzz(func(t *testing.T, first, second, third string) {
		m, _ := node(t, "node-intel")
		files := m.Files.(fstest.MapFS)
		for name := range files {
			files[name].Data = []byte(map[int]string{0: first, 1: second, 2: third}[len(name)%3])
		}
		for _, f := range doctor.Examine(t.Context(), m.Node) {
			checkFix(t, f)
		}
	})
}
