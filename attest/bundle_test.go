package attest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/attest"
)

func encode(t testing.TB, b attest.Bundle) []byte {
	t.Helper()
	return must(b.MarshalJSON())(t)
}

func TestBundle(t *testing.T) {
	m := newMachine(t)
	text := encode(t, attest.Bundle{subject(m): m.collateral(t)})
	v := m.verifier(t, "friend")
	v.Collateral = must(attest.ParseBundle(text))(t)
	_, err := v.Verify(t.Context(), m.quote(t, enclave("friend"), [64]byte{}), [64]byte{})
	check(t, err)
	for name, s := range map[string]attest.Subject{
		"another CA":       {FMSPC: m.platform.FMSPC, CA: "processor"},
		"another TEE":      {FMSPC: m.platform.FMSPC, CA: "platform", TEE: attest.TDX},
		"another platform": {CA: "platform"},
	} {
		if c, err := v.Collateral.Collateral(t.Context(), s); c != nil || !errors.Is(err, attest.ErrCollateral) || !strings.Contains(err.Error(), "00906ed5abcd") {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
}

// TestBundleOfGenuineSets: the bytes of what is signed, and of the
// certificates, come back exactly, as does the list's DER.
func TestBundleOfGenuineSets(t *testing.T) {
	bundle := attest.Bundle{}
	sets := genuineSets(t)
	for name, dir := range sets {
		c, err := dir.Collateral(t.Context(), attest.Subject{})
		check(t, err)
		o, err := c.Outline()
		check(t, err)
		s := attest.Subject{FMSPC: o.FMSPC, CA: "platform", TEE: o.TEE}
		got := must(attest.ParseBundle(encode(t, attest.Bundle{s: c})))(t)
		if !reflect.DeepEqual(got, attest.Bundle{s: c}) {
			t.Errorf("%s: not what it was", name)
		}
		bundle[s] = c
	}
	text := encode(t, bundle)
	got := must(attest.ParseBundle(text))(t)
	if !reflect.DeepEqual(got, bundle) || !bytes.Equal(encode(t, got), text) {
		t.Error("together they are not what they were")
	}
	t.Logf("%d genuine sets, %d platforms in one bundle of %d bytes", len(sets), len(bundle), len(text))
}

// TestBundleReformatted: tools that know JSON may read and write a bundle.
func TestBundleReformatted(t *testing.T) {
	m := newMachine(t)
	bundle := attest.Bundle{subject(m): m.collateral(t), numbered(1): m.collateral(t)}
	var tree any
	unmarshal(t, must(json.Marshal(bundle))(t), &tree)
	text := must(json.MarshalIndent(tree, "", "\t"))(t)
	got := attest.Bundle{}
	unmarshal(t, text, &got)
	if !reflect.DeepEqual(got, bundle) {
		t.Error("not what it was")
	}
	for _, line := range []string{`"tcbInfo": "{\"tcbInfo\":{\"id\":\"SGX\"`, `"pckCRL": "-----BEGIN X509 CRL-----\n`, `"fmspc": "00906ed5abcd"`} {
		if !bytes.Contains(text, []byte(line)) {
			t.Errorf("no %s in %.3000s", line, text)
		}
	}
}

func TestBundleListForms(t *testing.T) {
	m := newMachine(t)
	c := m.collateral(t)
	want := attest.Bundle{subject(m): c}
	for name, form := range listForms() {
		other := *c
		other.RootCRL, other.PCKCRL = form(c.RootCRL), form(c.PCKCRL)
		if got := must(attest.ParseBundle(encode(t, attest.Bundle{subject(m): &other})))(t); !reflect.DeepEqual(got, want) {
			t.Errorf("%s is not read as it was written", name)
		}
		if name == "DER" {
			continue // no text
		}
		var tree map[string]any
		unmarshal(t, encode(t, want), &tree)
		tree["platforms"].([]any)[0].(map[string]any)["rootCRL"] = string(other.RootCRL)
		if got, err := attest.ParseBundle(must(json.Marshal(tree))(t)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBundleRefuses(t *testing.T) {
	m := newMachine(t)
	good := string(encode(t, attest.Bundle{subject(m): m.collateral(t)}))
	one := good[strings.Index(good, "[")+1 : strings.LastIndex(good, "]")]
	replaced := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("no %s", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	tests := map[string]string{
		"nothing":             "",
		"null":                "null",
		"array":               "[]",
		"empty object":        "{}",
		"no version":          replaced(`"version":1,`, ``),
		"another version":     replaced(`"version":1,`, `"version":2,`),
		"version twice":       replaced(`"version":1,`, `"version":1,"version":1,`),
		"version in text":     replaced(`"version":1,`, `"version":"1",`),
		"version upper case":  replaced(`"version":1,`, `"Version":1,`),
		"unknown name":        replaced(`"version":1,`, `"version":1,"comment":"",`),
		"unknown name inside": replaced(`"ca":`, `"comment":"","ca":`),
		"CA twice":            replaced(`"ca":`, `"ca":"processor","ca":`),
		"CA missing":          replaced(`"ca":"platform",`, ``),
		"CA null":             replaced(`"ca":"platform",`, `"ca":null,`),
		"another CA":          replaced(`"ca":"platform",`, `"ca":"root",`),
		"another TEE":         replaced(`"tee":"SGX"`, `"tee":"SEV"`),
		"TEE in lower case":   replaced(`"tee":"SGX"`, `"tee":"sgx"`),
		"short FMSPC":         replaced(`00906ed5abcd`, `00906ed5ab`),
		"long FMSPC":          replaced(`00906ed5abcd`, `00906ed5abcdef`),
		"FMSPC no digits":     replaced(`00906ed5abcd`, `00906ed5abcx`),
		"the same twice":      replaced(one, one+","+one),
		"text after it":       good + "{}",
		"cut off":             good[:len(good)-1],
		"list of what":        replaced(`-----BEGIN X509 CRL-----`, `-----BEGIN X509 LIST-----`),
		"list missing":        replaced(`"pckCRL"`, `"pckCrl"`),
		"not UTF-8":           replaced(`"tcbInfo":"{`, "\"tcbInfo\":\"\xff{"),
		"document as object":  replaced(`"qeIdentity":"{`, `"qeIdentity":{},"q":"{`),
		"huge":                good + strings.Repeat(" ", 16<<20),
		"huge document":       replaced(`"tcbInfo":"{`, `"tcbInfo":"{`+strings.Repeat(" ", 2<<20)),
	}
	for name, text := range tests {
		before := attest.Bundle{numbered(3): nil}
		got := before
		err := got.UnmarshalJSON([]byte(text))
		if !errors.Is(err, attest.ErrCollateral) || !reflect.DeepEqual(got, before) || len(err.Error()) > 500 {
			t.Errorf("%s: %v, %.600v", name, got, err)
		}
		if b, err := attest.ParseBundle([]byte(text)); err == nil || b != nil {
			t.Errorf("%s: %v, %v", name, b, err)
		}
	}
	check(t, json.Unmarshal([]byte(good), new(attest.Bundle)))
}

func TestBundleCannotBeWritten(t *testing.T) {
	m := newMachine(t)
	s := subject(m)
	tests := map[string]func() attest.Bundle{
		"nil":             func() attest.Bundle { return attest.Bundle{s: nil} },
		"zero":            func() attest.Bundle { return attest.Bundle{s: {}} },
		"another CA":      func() attest.Bundle { return attest.Bundle{{FMSPC: s.FMSPC, CA: "root"}: m.collateral(t)} },
		"another TEE":     func() attest.Bundle { return attest.Bundle{{FMSPC: s.FMSPC, CA: "platform", TEE: 7}: m.collateral(t)} },
		"no text":         func() attest.Bundle { c := m.collateral(t); c.QEIdentity = []byte{0xFF}; return attest.Bundle{s: c} },
		"chain no text":   func() attest.Bundle { c := m.collateral(t); c.TCBInfoChain = []byte{0xFF}; return attest.Bundle{s: c} },
		"no list":         func() attest.Bundle { c := m.collateral(t); c.RootCRL = []byte("x"); return attest.Bundle{s: c} },
		"list without it": func() attest.Bundle { c := m.collateral(t); c.PCKCRL = nil; return attest.Bundle{s: c} },
		"huge": func() attest.Bundle {
			c := m.collateral(t)
			c.TCBInfo = make([]byte, 1<<20+1)
			return attest.Bundle{s: c}
		},
		"huge together": func() attest.Bundle {
			b := attest.Bundle{}
			for n := range 20 {
				c := m.collateral(t)
				c.TCBInfo = bytes.Repeat([]byte(" "), 1<<20)
				b[numbered(n)] = c
			}
			return b
		},
	}
	for name, make := range tests {
		if text, err := make().MarshalJSON(); err == nil {
			t.Errorf("%s: %.100s", name, text)
		}
	}
}

func TestEmptyBundle(t *testing.T) {
	var none attest.Bundle
	if text := string(encode(t, none)); text != `{"version":1,"platforms":[]}` {
		t.Error(text)
	}
	got, err := attest.ParseBundle([]byte(`{"version":1,"platforms":[]}`))
	if err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
	if c, err := none.Collateral(t.Context(), numbered(1)); c != nil || !errors.Is(err, attest.ErrCollateral) {
		t.Errorf("%v, %v", c, err)
	}
}

// FuzzBundle: what can be read is written so that it is read again as the same.
func FuzzBundle(f *testing.F) {
	p := newPress(f)
	c := p.print(f, edition{numbered(1), time.Now(), time.Now(), 1})
	f.Add(encode(f, attest.Bundle{numbered(1): c}))
	f.Add(encode(f, attest.Bundle{}))
	f.Add([]byte(`{"version":1,"platforms":[{"tee":"TDX","fmspc":"000000000000","ca":"processor","tcbInfo":"","tcbInfoChain":"","qeIdentity":"","qeIdentityChain":"","rootCRL":"3000","pckCRL":"MAA="}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		bundle, err := attest.ParseBundle(b)
		if err != nil {
			return
		}
		text, err := bundle.MarshalJSON()
		if err != nil {
			return // its lists are of no kind
		}
		again, err := attest.ParseBundle(text)
		if err != nil || !reflect.DeepEqual(again, bundle) {
			t.Errorf("%v: %s", err, text)
		}
	})
}

// Each of a million empty platforms would take a hundred times its size.
func TestBundleOfManyPlatforms(t *testing.T) {
	text := `{"version":1,"platforms":[{}` + strings.Repeat(",{}", 5_000_000) + `]}`
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := attest.ParseBundle([]byte(text))
	runtime.ReadMemStats(&after)
	if !errors.Is(err, attest.ErrCollateral) {
		t.Error(err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 4*uint64(len(text)) {
		t.Errorf("%d bytes took %d", len(text), took)
	}
}
