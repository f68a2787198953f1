package ert_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/sim"
	"github.com/cleave-sdk/cleave/internal/sim/ert"
	"github.com/cleave-sdk/cleave/internal/vectors"
)

// levels puts two levels above the platform's, which is of the given status.
func levels(status string) func(*issue.TCBInfo) {
	return func(info *issue.TCBInfo) {
		own := info.Levels[0]
		own.Status, own.Date, own.Advisories = status, "2024-02-29T12:34:56Z", []string{"INTEL-SA-00001"}
		higher := func(i int) issue.TCBLevel {
			l := own
			l.TCB.Components = append([]issue.Component(nil), own.TCB.Components...)
			l.TCB.Components[i].SVN++
			l.Status = "UpToDate"
			return l
		}
		byPCE := own
		byPCE.Status = "UpToDate"
		byPCE.TCB.PCESVN++
		info.Levels = []issue.TCBLevel{higher(15), byPCE, own, {TCB: issue.TCB{Components: make([]issue.Component, 16)}, Date: own.Date, Status: "Revoked"}}
		if status == "" {
			info.Levels = info.Levels[:2]
		}
	}
}

func TestStatus(t *testing.T) {
	const certified = "e8070000" + "02000000" + "1d000000" + "0c000000" + "22000000" + "38000000"
	const never = "000000000000000000000000000000000000000000000000"
	const invalid = oe.TCBLevelInvalid
	for status, want := range map[string]struct {
		result              oe.Result
		status, date, index string
	}{
		"UpToDate":                          {oe.OK, "00000000", certified, "02000000"},
		"SWHardeningNeeded":                 {oe.OK, "05000000", certified, "02000000"},
		"OutOfDate":                         {invalid, "01000000", certified, "02000000"},
		"Revoked":                           {invalid, "02000000", certified, "02000000"},
		"ConfigurationNeeded":               {invalid, "03000000", certified, "02000000"},
		"OutOfDateConfigurationNeeded":      {invalid, "04000000", certified, "02000000"},
		"ConfigurationAndSWHardeningNeeded": {invalid, "06000000", certified, "02000000"},
		"":                                  {invalid, "ffffffff", never, "02000000"},
	} {
		p := newPlatform(t)
		p.tcbInfo = levels(status)
		r, m := ert.New(newCPU(1), p), newMemory(room)
		report := oe.Report(p.quote(newCPU(1).body), true)
		if got := verifyEvidence(r, m, report); got != want.result {
			t.Errorf("%q: %v", status, got)
			continue
		}
		all := map[string]string{}
		for _, c := range m.claims() {
			all[c.name] = hex.EncodeToString(c.value)
		}
		if len(all) != 33 || all["tcb_status"] != want.status || all["tcb_date"] != want.date || all["sgx_tcb_info_index"] != want.index {
			t.Errorf("%q: %d claims, status %s, date %s, index %s", status, len(all), all["tcb_status"], all["tcb_date"], all["sgx_tcb_info_index"])
		}
		m = newMemory(room)
		at := m.put(evidenceAt, report)
		if got := try(r, m, oe.CallVerifyReport, at, uint64(len(report)), addrAt); got != want.result {
			t.Errorf("%q: %v for a parsed report", status, got)
		}
		checkRemote(t, m, at, want.status)
	}
}

// checkRemote reads the oe_report_t of a quote at the address at.
func checkRemote(t *testing.T, m *memory, at uint64, status string) {
	t.Helper()
	parsed := m.data[addrAt-dataBase:]
	le := binary.LittleEndian
	for name, test := range map[string]struct{ got, want uint64 }{
		"size":           {le.Uint64(parsed), 152},
		"type":           {le.Uint64(parsed[8:]), 2},
		"report data":    {le.Uint64(parsed[32:]), at + 16 + 48 + 320},
		"enclave report": {le.Uint64(parsed[40:]), at + 16 + 48},
		"attributes":     {le.Uint64(parsed[56:]), 2},
		"product":        {le.Uint64(parsed[128:]), 0x1234},
	} {
		if test.got != test.want {
			t.Errorf("%s: %#x, want %#x", name, test.got, test.want)
		}
	}
	if got := hex.EncodeToString(parsed[144:148]); got != status {
		t.Errorf("verification result %s, want %s", got, status)
	}
}

// No byte of a quote can be changed, and none be left out.
func TestForgedQuote(t *testing.T) {
	p := newPlatform(t)
	r, m := ert.New(newCPU(1), p), newMemory(room)
	good := oe.Report(p.quote(newCPU(1).body), true)
	step := len(good)/300 | 1
	for i := 0; i < len(good)-1; i += step { // the last is the NUL that ends the certificates
		changed := bytes.Clone(good)
		changed[i] ^= 0x40 // makes no other white space of a newline
		for name, evidence := range map[string][]byte{"changed": changed, "cut": good[:i]} {
			if got := verifyEvidence(r, m, evidence); got == oe.OK || len(m.live) != 1 {
				t.Errorf("%s at %d: %v", name, i, got)
			}
		}
	}
	if got := verifyEvidence(r, m, good); got != oe.OK {
		t.Errorf("the good one: %v", got)
	}
}

// Genuine quotes of Intel's are none of this machine's: there is no collateral
// for them, and nothing is said of them.
func TestIntelsQuotes(t *testing.T) {
	p := newPlatform(t)
	n := 0
	seen := map[string]bool{}
	for _, v := range vectors.All(t) {
		quote := vectors.Read(t, v.Quote)
		if v.TEE != "sgx" || seen[v.Quote] || len(quote) < 436 || quote[0] != 3 {
			continue
		}
		seen[v.Quote] = true
		// Most have been stored with bytes after their end.
		end := 436 + int(binary.LittleEndian.Uint32(quote[432:]))
		if end > len(quote) {
			continue
		}
		refused(t, p, oe.Report(quote[:end], true), oe.QuoteProviderCallError)
		n++
	}
	if n == 0 {
		t.Error("no genuine quotes")
	}
}

// Nor are those of another authority, were there collateral for them: their
// root is not this machine's.
func TestAnotherAuthoritysCollateral(t *testing.T) {
	p := newPlatform(t)
	stranger := newPlatform(t)
	refused(t, withPCS{p, stranger.PCS()}, oe.Report(stranger.quote(newCPU(1).body), true), oe.QuoteVerificationError)
}

type withPCS struct {
	*platform
	pcs http.Handler
}

func (w withPCS) PCS() http.Handler { return w.pcs }

// The simulator's own machine, end to end: a quote through the runtime, back
// through the runtime, and not on another machine.
func TestSimulator(t *testing.T) {
	machine := must(sim.Open(filepath.Join(t.TempDir(), "machine")))
	other := must(sim.Open(filepath.Join(t.TempDir(), "other")))
	id := sim.Identity{MRENCLAVE: [32]byte{1}, MRSIGNER: [32]byte{2}, ProductID: 3, SVN: 4}
	r, m := ert.New(machine.Enclave(id), machine), newMemory(room)
	call(t, r, m, oe.CallRemoteReport, m.put(input, []byte("data")), 4, 0, 0, addrAt, sizeAt)
	report := m.bytes(addrAt, sizeAt)
	call(t, r, m, oe.CallFreeReport, m.word(addrAt))
	if got := verifyEvidence(r, m, report); got != oe.OK {
		t.Fatal(got)
	}
	if all := m.claims(); len(all) != 33 || all[5].value[0] != 3 || !bytes.HasPrefix(all[32].value, []byte("data")) {
		t.Errorf("%d claims", len(all))
	}
	refused(t, other, report, oe.QuoteVerificationError)
}
