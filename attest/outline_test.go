package attest_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/vectors"
)

// genuineSets returns the folders of genuine collateral, by name.
func genuineSets(t testing.TB) map[string]attest.Dir {
	t.Helper()
	root := filepath.Join(vectors.Dir(t), "collateral")
	entries, err := os.ReadDir(root)
	check(t, err)
	sets := map[string]attest.Dir{}
	for _, e := range entries {
		sets[e.Name()] = attest.Dir(filepath.Join(root, e.Name()))
	}
	if len(sets) == 0 {
		t.Fatal("no sets")
	}
	return sets
}

// meta is what is known of a genuine set.
type meta struct {
	TEE, FMSPC string
	TCBInfo    struct {
		Eval                  uint32
		IssueDate, NextUpdate time.Time
	} `json:"tcb_info"`
	QEIdentity struct {
		Eval                  uint32
		IssueDate, NextUpdate time.Time
	} `json:"qe_identity"`
	RootCRL, PCKCRL struct {
		Issuer                 string
		ThisUpdate, NextUpdate time.Time
		Revoked                int
	}
	From  time.Time `json:"valid_from"`
	Until time.Time `json:"valid_until"`
}

func readMeta(t testing.TB, d attest.Dir) (m meta) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(string(d), "meta.json"))
	check(t, err)
	b = bytes.Replace(b, []byte(`"root_ca_crl"`), []byte(`"RootCRL"`), 1)
	b = bytes.Replace(b, []byte(`"pck_crl"`), []byte(`"PCKCRL"`), 1)
	unmarshal(t, b, &m)
	return m
}

func (m *meta) outline() attest.Outline {
	document := func(issued, next time.Time, evaluation uint32) attest.DocumentOutline {
		return attest.DocumentOutline{Validity: attest.Validity{Issued: issued.UTC(), NextUpdate: next.UTC()}, Evaluation: evaluation}
	}
	var fmspc [6]byte
	hex.Decode(fmspc[:], []byte(m.FMSPC))
	return attest.Outline{
		TEE:        map[string]attest.TEE{"sgx": attest.SGX, "tdx": attest.TDX}[m.TEE],
		FMSPC:      fmspc,
		TCBInfo:    document(m.TCBInfo.IssueDate, m.TCBInfo.NextUpdate, m.TCBInfo.Eval),
		QEIdentity: document(m.QEIdentity.IssueDate, m.QEIdentity.NextUpdate, m.QEIdentity.Eval),
		RootCRL:    attest.ListOutline{Validity: attest.Validity{Issued: m.RootCRL.ThisUpdate.UTC(), NextUpdate: m.RootCRL.NextUpdate.UTC()}, Issuer: "Intel SGX Root CA", Revoked: m.RootCRL.Revoked},
		PCKCRL:     attest.ListOutline{Validity: attest.Validity{Issued: m.PCKCRL.ThisUpdate.UTC(), NextUpdate: m.PCKCRL.NextUpdate.UTC()}, Issuer: m.PCKCRL.Issuer, Revoked: m.PCKCRL.Revoked},
	}
}

// TestOutlineOfGenuineSets compares with what is known of them.
func TestOutlineOfGenuineSets(t *testing.T) {
	sets := genuineSets(t)
	for name, dir := range sets {
		c, err := dir.Collateral(t.Context(), attest.Subject{})
		check(t, err)
		o, err := c.Outline()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		m := readMeta(t, dir)
		if want := m.outline(); *o != want || !o.Issued().Equal(m.From) || !o.NextUpdate().Equal(m.Until) {
			t.Errorf("%s: %+v, from %v until %v; want %+v, from %v until %v", name, *o, o.Issued(), o.NextUpdate(), want, m.From, m.Until)
		}
	}
	t.Logf("%d genuine sets", len(sets))
}

// TestOutlineForms: lists in every form say the same.
func TestOutlineForms(t *testing.T) {
	c := newMachine(t).collateral(t)
	want, err := c.Outline()
	check(t, err)
	for name, form := range listForms() {
		other := *c
		other.RootCRL, other.PCKCRL = form(c.RootCRL), form(c.PCKCRL)
		if got, err := other.Outline(); err != nil || *got != *want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func listForms() map[string]func([]byte) []byte {
	asPEM := func(b []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: b}) }
	return map[string]func([]byte) []byte{
		"DER":                     bytes.Clone,
		"PEM":                     asPEM,
		"PEM in DOS lines":        func(b []byte) []byte { return bytes.ReplaceAll(asPEM(b), []byte("\n"), []byte("\r\n")) },
		"hexadecimal":             func(b []byte) []byte { return hex.AppendEncode(nil, b) },
		"hexadecimal, upper case": func(b []byte) []byte { return bytes.ToUpper(hex.AppendEncode(nil, b)) },
		"hexadecimal in a line":   func(b []byte) []byte { return append(hex.AppendEncode(nil, b), '\n') },
		"base64":                  func(b []byte) []byte { return base64.StdEncoding.AppendEncode(nil, b) },
	}
}

func TestOutlineRefuses(t *testing.T) {
	m := newMachine(t)
	good := m.collateral(t)
	replace := func(p *[]byte, old, new string) {
		before := len(*p)
		*p = bytes.Replace(*p, []byte(old), []byte(new), 1)
		if before == len(*p) && old != new && !bytes.Contains(*p, []byte(new)) {
			t.Fatalf("no %s", old)
		}
	}
	tests := map[string]func(c *attest.Collateral){
		"zero":                func(c *attest.Collateral) { *c = attest.Collateral{} },
		"twice the same name": func(c *attest.Collateral) { replace(&c.TCBInfo, `"fmspc":`, `"fmspc":"00906ED5ABCD","fmspc":`) },
		"short FMSPC":         func(c *attest.Collateral) { replace(&c.TCBInfo, "00906ED5ABCD", "00906ED5AB") },
		"long FMSPC":          func(c *attest.Collateral) { replace(&c.TCBInfo, "00906ED5ABCD", "00906ED5ABCDEF") },
		"no hexadecimal":      func(c *attest.Collateral) { replace(&c.TCBInfo, "00906ED5ABCD", "00906ED5ABCX") },
		"another id":          func(c *attest.Collateral) { replace(&c.TCBInfo, `"id":"SGX"`, `"id":"SEV"`) },
		"no issue date":       func(c *attest.Collateral) { replace(&c.TCBInfo, `"issueDate"`, `"issued"`) },
		"no next update":      func(c *attest.Collateral) { replace(&c.QEIdentity, `"nextUpdate"`, `"next"`) },
		"date without time":   func(c *attest.Collateral) { replace(&c.QEIdentity, "T12:00:00Z", "") },
		"negative evaluation": func(c *attest.Collateral) { replace(&c.QEIdentity, `DataNumber":21`, `DataNumber":-1`) },
		"huge":                func(c *attest.Collateral) { c.TCBInfo = append(bytes.Repeat([]byte(" "), 1<<20), c.TCBInfo...) },
		"huge list":           func(c *attest.Collateral) { c.PCKCRL = make([]byte, 1<<20+1) },
		"list after a megabyte": func(c *attest.Collateral) {
			c.PCKCRL = append(bytes.Repeat([]byte(" "), 1<<20), listForms()["PEM"](c.PCKCRL)...)
		},
		"list by another name": func(c *attest.Collateral) {
			c.PCKCRL = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.PCKCRL})
		},
		"byte after a list":      func(c *attest.Collateral) { c.PCKCRL = append(bytes.Clone(c.PCKCRL), 0) },
		"PEM of something else":  func(c *attest.Collateral) { c.PCKCRL = c.TCBInfoChain },
		"two lists":              func(c *attest.Collateral) { p := listForms()["PEM"](c.PCKCRL); c.PCKCRL = append(p, p...) },
		"odd hexadecimal":        func(c *attest.Collateral) { c.PCKCRL = append(hex.AppendEncode(nil, c.PCKCRL), '0') },
		"certificate for a list": func(c *attest.Collateral) { c.RootCRL = m.authority.Root.Certificate.Raw },
	}
	for name, change := range tests {
		c := *good
		for _, p := range []*[]byte{&c.TCBInfo, &c.QEIdentity} {
			*p = bytes.Clone(*p)
		}
		change(&c)
		if o, err := c.Outline(); !errors.Is(err, attest.ErrCollateral) || o != nil || !strings.HasPrefix(err.Error(), "attest: ") || len(err.Error()) > 500 {
			t.Errorf("%s: %+v, %.600v", name, o, err)
		}
	}
}

// FuzzOutlineList: no list panics, or has more entries than bytes.
func FuzzOutlineList(f *testing.F) {
	m := newMachine(f)
	good := m.collateral(f)
	for _, form := range listForms() {
		f.Add(form(good.PCKCRL))
	}
	for n := range good.PCKCRL {
		f.Add(good.PCKCRL[:n])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c := *good
		c.PCKCRL = b
		o, err := c.Outline()
		if err != nil {
			return
		}
		if o.PCKCRL.Issued.IsZero() || o.PCKCRL.NextUpdate.IsZero() || o.PCKCRL.Revoked < 0 || o.PCKCRL.Revoked > len(b) || o.TEE != attest.SGX {
			t.Errorf("%+v", o)
		}
	})
}

func FuzzOutline(f *testing.F) {
	good := newMachine(f).collateral(f)
	f.Add(good.TCBInfo, good.QEIdentity)
	f.Add([]byte(`{"tcbInfo":{}}`), []byte(`{"enclaveIdentity":null}`))
	f.Fuzz(func(t *testing.T, info, identity []byte) {
		c := *good
		c.TCBInfo, c.QEIdentity = info, identity
		o, err := c.Outline()
		if (o == nil) == (err == nil) {
			t.Errorf("%v, %v", o, err)
		}
		if err == nil && (!json.Valid(info) || !json.Valid(identity)) {
			t.Error("read what is no JSON")
		}
	})
}
