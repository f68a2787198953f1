package sim_test

import (
	"bytes"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/internal/sim"
)

// A rehearsal is a machine, a service that went on running all the time, and
// somebody who verifies.
type rehearsal struct {
	dir      string
	machine  *sim.Machine
	verifier *attest.Verifier
}

func rehearse(t *testing.T) *rehearsal {
	t.Helper()
	r := &rehearsal{dir: fresh(t)}
	r.machine = open(t, r.dir)
	server := httptest.NewServer(r.machine.PCS())
	t.Cleanup(server.Close)
	r.verifier = &attest.Verifier{
		Policy:     attest.Policy{Products: []attest.Product{attest.SignedBy(identity().MRSIGNER, 3, 4)}},
		Root:       r.machine.Root(),
		Collateral: &attest.PCS{URL: server.URL + "/sgx/certification/v4"},
	}
	return r
}

// start is a trusted half that is started now: it finds the machine as it is.
func (r *rehearsal) start(t *testing.T) (*sim.Enclave, []byte) {
	t.Helper()
	m := open(t, r.dir)
	e := m.Enclave(identity())
	quote, err := m.Quote(e.Report(m.QuotingEnclave(), [64]byte{}))
	if err != nil {
		t.Fatal(err)
	}
	return e, quote
}

func (r *rehearsal) verify(t *testing.T, quote []byte) error {
	t.Helper()
	_, err := r.verifier.Verify(t.Context(), quote, [64]byte{})
	return err
}

func TestTCBRecovery(t *testing.T) {
	r := rehearse(t)
	_, before := r.start(t)
	if err := r.verify(t, before); err != nil {
		t.Fatal(err)
	}
	if err := r.machine.RecoverTCB(); err != nil {
		t.Fatal(err)
	}
	_, late := r.start(t)
	for name, quote := range map[string][]byte{"made before": before, "made after": late} {
		err := r.verify(t, quote)
		var refused *attest.PolicyError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), "OutOfDate [CLEAVE-SA-00001]") {
			t.Errorf("%s the recovery: %v", name, err)
		}
	}
	if err := r.machine.UpdateMicrocode(); err != nil {
		t.Fatal(err)
	}
	_, after := r.start(t)
	if err := r.verify(t, after); err != nil {
		t.Errorf("after the microcode update: %v", err)
	}
	if err := r.verify(t, before); err == nil {
		t.Error("a quote from before the update is accepted again")
	}
	report, err := r.verifier.Authenticate(t.Context(), after)
	if err != nil || report.TCB.Status != attest.UpToDate || report.TCB.Evaluation != 22 || report.TCB.Platform.Evaluation != report.TCB.QuotingEnclave.Evaluation {
		t.Errorf("%+v, %v", report, err)
	}
}

// Two recoveries missed are two advisories, and one update makes up for both.
func TestRecoveriesMissed(t *testing.T) {
	r := rehearse(t)
	for range 2 {
		if err := r.machine.RecoverTCB(); err != nil {
			t.Fatal(err)
		}
	}
	_, quote := r.start(t)
	if err := r.verify(t, quote); err == nil || !strings.Contains(err.Error(), "OutOfDate [CLEAVE-SA-00001 CLEAVE-SA-00002]") {
		t.Error(err)
	}
	if err := r.machine.UpdateMicrocode(); err != nil {
		t.Fatal(err)
	}
	if _, quote = r.start(t); r.verify(t, quote) != nil {
		t.Error(r.verify(t, quote))
	}
}

// An update ahead of time is no fault, and not enough for what is announced
// after it.
func TestUpdateAheadOfRecovery(t *testing.T) {
	r := rehearse(t)
	if err := r.machine.UpdateMicrocode(); err != nil {
		t.Fatal(err)
	}
	_, quote := r.start(t)
	if err := r.verify(t, quote); err != nil {
		t.Error(err)
	}
	if err := r.machine.RecoverTCB(); err != nil {
		t.Fatal(err)
	}
	if _, quote = r.start(t); r.verify(t, quote) == nil {
		t.Error("a level that was there before the recovery is up to date after it")
	}
}

func TestSealedAcrossMicrocode(t *testing.T) {
	r := rehearse(t)
	old, _ := r.start(t)
	if err := r.machine.UpdateMicrocode(); err != nil {
		t.Fatal(err)
	}
	updated, _ := r.start(t)
	before, after := old.Body().CPUSVN, updated.Body().CPUSVN
	if after[0] != before[0]+1 || after[1] != before[1]+1 || !slices.Equal(after[2:], before[2:]) {
		t.Errorf("CPUSVN %x became %x", before, after)
	}
	want, err := old.Key(egoRequest(old))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := updated.Key(egoRequest(old)); err != nil || got != want {
		t.Errorf("what was sealed before does not open: %x, %v, want %x", got, err, want)
	}
	if got, err := updated.Key(egoRequest(updated)); err != nil || got == want {
		t.Errorf("the new level has the old key: %v", err)
	}
	if _, err := old.Key(egoRequest(updated)); !errors.Is(err, sim.ErrInvalidCPUSVN) {
		t.Errorf("the old CPU has a key of the new one: %v", err)
	}
	report := old.Report(targetOf(updated), [64]byte{})
	if updated.VerifyReport(report) {
		t.Error("a report from before the reboot is accepted after it")
	}
}

func targetOf(e *sim.Enclave) sgx.TargetInfo { b := e.Body(); return b.Target() }

func TestRevocation(t *testing.T) {
	r := rehearse(t)
	_, quote := r.start(t)
	if err := r.verify(t, quote); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second says nothing new
		if err := r.machine.RevokePCK(); err != nil {
			t.Fatal(err)
		}
		if err := r.verify(t, quote); !errors.Is(err, attest.ErrForged) || !strings.Contains(err.Error(), "REVOKED") {
			t.Errorf("with a revoked certificate: %v", err)
		}
	}
	if err := r.machine.UpdateMicrocode(); err != nil {
		t.Fatal(err)
	}
	if err := r.verify(t, quote); err == nil {
		t.Error("the certificate is no longer revoked")
	}
	if _, quote = r.start(t); r.verify(t, quote) != nil {
		t.Error(r.verify(t, quote))
	}
}

func TestMicrocodeHasAnEnd(t *testing.T) {
	m := sim.Fixed(1, 1)
	for range 255 - 16 {
		if err := m.RecoverTCB(); err != nil {
			t.Fatal(err)
		}
	}
	for name, step := range map[string]func() error{"recovery": m.RecoverTCB, "update": func() error {
		return errors.Join(m.UpdateMicrocode(), m.UpdateMicrocode())
	}} {
		if err := step(); err == nil || !strings.Contains(err.Error(), "reset the machine") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestChangesAtOnce(t *testing.T) {
	r := rehearse(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := open(t, r.dir).RecoverTCB(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	_, quote := r.start(t)
	report, err := r.verifier.Authenticate(t.Context(), quote)
	if err != nil || len(report.TCB.Advisories) != 8 {
		t.Errorf("8 recoveries, advisories %v, %v", report.TCB.Advisories, err)
	}
	if entries, err := os.ReadDir(r.dir); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// A machine of the first version has no history, and gets one.
func TestVersion1(t *testing.T) {
	r := rehearse(t)
	want := fingerprint(r.machine)
	name := filepath.Join(r.dir, "machine.json")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	old := sim.EncodeVersion1(b)
	if !bytes.Contains(old, []byte(`"version":1`)) || bytes.Contains(old, []byte(`"tcb"`)) {
		t.Fatalf("not version 1: %s", old)
	}
	if err := os.WriteFile(name, old, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := fingerprint(open(t, r.dir)); got != want {
		t.Errorf("another machine: %s", got)
	}
	_, quote := r.start(t)
	if err := r.verify(t, quote); err != nil {
		t.Error(err)
	}
	if err := r.machine.RecoverTCB(); err != nil {
		t.Fatal(err)
	}
	if err := r.verify(t, quote); err == nil {
		t.Error("accepted after a recovery")
	}
	if got := fingerprint(open(t, r.dir)); got != want {
		t.Errorf("after a recovery, another machine: %s", got)
	}
}

func TestReset(t *testing.T) {
	r := rehearse(t)
	if _, err := r.machine.SaveRoot(); err != nil {
		t.Fatal(err)
	}
	before := fingerprint(r.machine)
	if err := sim.Reset(r.dir); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(r.dir); err != nil || len(entries) != 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
	recorder := httptest.NewRecorder()
	r.machine.PCS().ServeHTTP(recorder, httptest.NewRequest("GET", base+"qe/identity", nil))
	if recorder.Code != http.StatusInternalServerError {
		t.Errorf("a machine that is gone answers %d", recorder.Code)
	}
	if fingerprint(open(t, r.dir)) == before {
		t.Error("the same machine again")
	}
	recorder = httptest.NewRecorder()
	r.machine.PCS().ServeHTTP(recorder, httptest.NewRequest("GET", base+"qe/identity", nil))
	if recorder.Code != http.StatusInternalServerError {
		t.Errorf("for another machine it answers %d", recorder.Code)
	}
}

func TestResetSparesWhatIsNoMachine(t *testing.T) {
	for name, spoil := range map[string]func(dir string) error{
		"something else in it": func(dir string) error { return os.WriteFile(filepath.Join(dir, "thesis.tex"), nil, 0o600) },
		"open to others":       func(dir string) error { return os.Chmod(dir, 0o755) },
		"no machine in it":     func(dir string) error { return os.Remove(filepath.Join(dir, "machine.json")) },
		"a link in its place": func(dir string) error {
			name := filepath.Join(dir, "machine.json")
			return errors.Join(os.Rename(name, filepath.Join(dir, "root.pem")), os.Symlink("root.pem", name))
		},
		"a directory in it":      func(dir string) error { return os.Mkdir(filepath.Join(dir, "root.pem"), 0o700) },
		"a full directory in it": func(dir string) error { return os.MkdirAll(filepath.Join(dir, ".new-", "thesis"), 0o700) },
		"a link in it":           func(dir string) error { return os.Symlink("/etc/passwd", filepath.Join(dir, ".new-1")) },
	} {
		dir := fresh(t)
		open(t, dir)
		if err := spoil(dir); err != nil {
			t.Fatal(err)
		}
		before, err := fs.Glob(os.DirFS(dir), "*")
		if err != nil {
			t.Fatal(err)
		}
		if err := sim.Reset(dir); !errors.Is(err, sim.ErrState) {
			t.Errorf("%s: %v", name, err)
		}
		if after, err := fs.Glob(os.DirFS(dir), "*"); err != nil || !slices.Equal(before, after) {
			t.Errorf("%s: %v became %v", name, before, after)
		}
	}
	if err := sim.Reset(""); !errors.Is(err, sim.ErrState) {
		t.Errorf("no name: %v", err)
	}
	if err := sim.Reset(fresh(t)); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "there is nothing to reset") {
		t.Errorf("not there: %v", err)
	}
}

func TestResetDamaged(t *testing.T) {
	dir := fresh(t)
	open(t, dir)
	if err := os.Truncate(filepath.Join(dir, "machine.json"), 100); err != nil {
		t.Fatal(err)
	}
	if err := sim.Reset(dir); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
}

func TestSaveRoot(t *testing.T) {
	dir := fresh(t)
	m := open(t, dir)
	path, err := m.SaveRoot()
	if err != nil || path != filepath.Join(dir, "root.pem") {
		t.Fatalf("%q, %v", path, err)
	}
	for _, spoiled := range []string{"", "stale"} {
		if spoiled != "" {
			if err := os.WriteFile(path, []byte(spoiled), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := m.SaveRoot(); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil || len(certificates(t, b)) != 1 || !certificates(t, b)[0].Equal(m.Root()) {
			t.Errorf("%q, %v", b, err)
		}
	}
	if fingerprint(open(t, dir)) != fingerprint(m) {
		t.Error("the file makes it another machine")
	}
	if _, err := sim.Fixed(1, 1).SaveRoot(); !errors.Is(err, sim.ErrState) {
		t.Errorf("a machine that is kept nowhere: %v", err)
	}
}
