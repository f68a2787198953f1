package sim_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/internal/sim"
)

func TestBody(t *testing.T) {
	m := sim.Fixed(1, 1)
	for _, debug := range []bool{false, true} {
		id := identity()
		id.Debug = debug
		e := m.Enclave(id)
		want := sgx.ReportBody{
			CPUSVN:     m.Platform().CPUSVN,
			Attributes: sgx.Attributes{Flags: 5, XFRM: 0xE7},
			MRENCLAVE:  id.MRENCLAVE,
			MRSIGNER:   id.MRSIGNER,
			ProductID:  3,
			SVN:        4,
		}
		if debug {
			want.Attributes.Flags = 7
		}
		if got := e.Body(); got != want {
			t.Errorf("body %+v, want %+v", got, want)
		}
		want.ReportData = [64]byte{63: 1}
		if got := e.Report(sgx.TargetInfo{}, [64]byte{63: 1}).Body; got != want {
			t.Errorf("report's body %+v, want %+v", got, want)
		}
	}
}

func TestReportsAreForTheirTarget(t *testing.T) {
	m := sim.Fixed(1, 1)
	from := m.Enclave(identity())
	to := sim.Identity{MRENCLAVE: [32]byte{7}}
	target := func(e *sim.Enclave) sgx.TargetInfo { b := e.Body(); return b.Target() }
	r := from.Report(target(m.Enclave(to)), [64]byte{1, 2, 3})

	older := m.Platform().CPUSVN
	older[0]--
	debug, signer := to, to
	debug.Debug, signer.MRSIGNER = true, [32]byte{8}
	for name, test := range map[string]struct {
		verifier *sim.Enclave
		want     bool
	}{
		"target":                    {m.Enclave(to), true},
		"target of another signer":  {m.Enclave(signer), true}, // MRENCLAVE alone is the address
		"reporting enclave":         {from, false},
		"target in debug mode":      {m.Enclave(debug), false},
		"target on another machine": {sim.Fixed(2, 1).Enclave(to), false},
		"target on an updated CPU":  {m.Updated(older).Enclave(to), false},
		"zero":                      {m.Enclave(sim.Identity{}), false},
	} {
		if got := test.verifier.VerifyReport(r); got != test.want {
			t.Errorf("%s: verified %v, want %v", name, got, test.want)
		}
	}
	for _, change := range []func(*sgx.TargetInfo){
		func(i *sgx.TargetInfo) { i.Attributes.XFRM = 3 },
		func(i *sgx.TargetInfo) { i.MiscSelect = 1 },
		func(i *sgx.TargetInfo) { i.ConfigID[0] = 1 },
		func(i *sgx.TargetInfo) { i.ConfigSVN = 1 },
		func(i *sgx.TargetInfo) { i.CETAttributes = 1 },
	} {
		info := target(m.Enclave(to))
		change(&info)
		if m.Enclave(to).VerifyReport(from.Report(info, [64]byte{})) {
			t.Errorf("a report for %+v was taken by another", info)
		}
	}
}

func TestTargetHasTheReportKey(t *testing.T) {
	m := sim.Fixed(1, 1)
	e := m.Enclave(identity())
	body := e.Body()
	r := e.Report(body.Target(), [64]byte{1})
	if !r.Verify(key(t, e, sgx.KeyRequest{Name: sgx.KeyReport, KeyID: r.KeyID})) {
		t.Error("EGETKEY gives another key than EREPORT signs with")
	}
}

func TestFlippedReports(t *testing.T) {
	m := sim.Fixed(1, 1)
	e := m.Enclave(identity())
	body := e.Body()
	r := e.Report(body.Target(), [64]byte{1})
	good := r.Append(nil)
	for bit := range 8 * len(good) {
		b := bytes.Clone(good)
		b[bit/8] ^= 1 << (bit % 8)
		if r, err := sgx.ParseReport(b); err == nil && e.VerifyReport(r) {
			t.Errorf("bit %d flipped: verified", bit)
		}
	}
	if !e.VerifyReport(r) {
		t.Error("the report itself is refused")
	}
}

func TestBootsDiffer(t *testing.T) {
	dir := fresh(t)
	a, b := open(t, dir).Enclave(identity()), open(t, dir).Enclave(identity())
	body := a.Body()
	r, s := a.Report(body.Target(), [64]byte{}), b.Report(body.Target(), [64]byte{})
	if r.KeyID == s.KeyID || r.KeyID == [32]byte{} {
		t.Error("two boots sign under one key")
	}
	if !a.VerifyReport(s) || !b.VerifyReport(r) {
		t.Error("two processes on one machine do not believe each other")
	}
}

func TestNothingPrintsSecrets(t *testing.T) {
	m := open(t, fresh(t))
	e := m.Enclave(identity())
	for _, v := range []any{m, *m, e, *e, struct{ M *sim.Machine }{m}, []*sim.Enclave{e}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%t"} {
			checkSilent(t, m, fmt.Sprintf("%T "+verb, v, v))
		}
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		checkSilent(t, m, string(b))
	}
	if got := fmt.Sprintf("%+v", e); !strings.HasPrefix(got, "simulated enclave 01000000") {
		t.Errorf("an enclave prints as %q", got)
	}
}

func checkSilent(t *testing.T, m *sim.Machine, text string) {
	t.Helper()
	for _, secret := range m.Secrets() {
		head := secret[:4]
		list := strings.Trim(fmt.Sprint(head), "[]")
		for _, form := range []string{fmt.Sprintf("%x", head), fmt.Sprintf("%X", head), list, strings.ReplaceAll(list, " ", ","), string(head)} {
			if strings.Contains(text, form) {
				t.Errorf("secret in %q", text)
			}
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	m := open(t, fresh(t))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			e := m.Enclave(identity())
			for range 20 {
				if _, err := m.Quote(e.Report(m.QuotingEnclave(), [64]byte{})); err != nil {
					t.Error(err)
				}
				if _, err := e.Key(egoRequest(e)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

func open(t testing.TB, dir string) *sim.Machine {
	t.Helper()
	m, err := sim.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
