package attest_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

func TestVerify(t *testing.T) {
	m, other := newMachine(t), newMachine(t)
	data := attest.ReportData("test", []byte("nonce"))
	zero := [64]byte{}
	old := newMachine(t)
	old.status = "OutOfDate"
	debug := enclave("friend")
	debug.Attributes.Flags |= sgx.FlagDebug

	type attempt struct {
		quote    []byte
		data     [64]byte
		verifier *attest.Verifier
	}
	good := func() attempt {
		return attempt{m.quote(t, enclave("friend"), data), data, m.verifier(t, "friend")}
	}
	tests := map[string]struct {
		change func(*attempt)
		want   error
	}{
		"good":                          {func(*attempt) {}, nil},
		"behind an Open Enclave header": {func(a *attempt) { a.quote = oe.Report(a.quote, true) }, nil},
		"SVN as high as the least":      {func(a *attempt) { a.verifier.Policy = signedBy("friend", 7, 9) }, nil},

		"zero verifier without collateral": {func(a *attempt) { a.verifier = &attest.Verifier{Collateral: m.collateral(t), Time: at(noon)} }, attest.ErrForged},
		"no root: Intel's":                 {func(a *attempt) { a.verifier.Root = nil }, attest.ErrForged},
		"another root of the same name":    {func(a *attempt) { a.verifier.Root = other.authority.Root.Certificate }, attest.ErrForged},
		"the PCK CA as root":               {func(a *attempt) { a.verifier.Root = m.authority.PCKCA.Certificate }, attest.ErrForged},
		"another machine's quote":          {func(a *attempt) { a.quote = other.quote(t, enclave("friend"), data) }, attest.ErrForged},
		"another machine's collateral":     {func(a *attempt) { a.verifier.Collateral = other.collateral(t) }, attest.ErrCollateral},
		"other report data":                {func(a *attempt) { a.data = attest.ReportData("test", []byte("other nonce")) }, attest.ErrForged},
		"other purpose":                    {func(a *attempt) { a.data = attest.ReportData("other", []byte("nonce")) }, attest.ErrForged},
		"first byte of the data":           {func(a *attempt) { a.data[0] ^= 1 }, attest.ErrForged},
		"last byte of the data":            {func(a *attempt) { a.data[63] ^= 1 }, attest.ErrForged},
		"zeros asked for":                  {func(a *attempt) { a.data = zero }, attest.ErrForged},
		"other data, nobody trusted":       {func(a *attempt) { a.data = zero; a.verifier.Policy = attest.Policy{} }, attest.ErrForged},
		"quote of zeros":                   {func(a *attempt) { a.quote = m.quote(t, enclave("friend"), zero) }, attest.ErrForged},
		"nobody trusted":                   {func(a *attempt) { a.verifier.Policy = attest.Policy{} }, attest.ErrPolicy},
		"another enclave":                  {func(a *attempt) { a.quote = m.quote(t, enclave("stranger"), data) }, attest.ErrPolicy},
		"SVN below":                        {func(a *attempt) { a.verifier.Policy = signedBy("friend", 7, 10) }, attest.ErrPolicy},
		"debug enclave":                    {func(a *attempt) { a.quote = m.quote(t, debug, data) }, attest.ErrPolicy},
		"machine out of date": {func(a *attempt) {
			a.quote, a.verifier = old.quote(t, enclave("friend"), data), old.verifier(t, "friend")
		}, attest.ErrPolicy},
		"body changed":  {func(a *attempt) { a.quote[48+320] ^= 1 }, attest.ErrForged},
		"empty":         {func(a *attempt) { a.quote = nil }, attest.ErrMalformed},
		"cut off":       {func(a *attempt) { a.quote = a.quote[:1000] }, attest.ErrMalformed},
		"trailing byte": {func(a *attempt) { a.quote = append(a.quote, 0) }, attest.ErrMalformed},
		"TDX":           {func(a *attempt) { a.quote = m.tdQuote(t, data) }, attest.ErrUnsupported},
		"encrypted PPID in place of certificates": {func(a *attempt) { a.quote[1046] = 3 }, attest.ErrUnsupported},
		"local report":                  {func(a *attempt) { a.quote = oe.Report(make([]byte, sgx.ReportSize), false) }, attest.ErrUnsupported},
		"quote that says it is local":   {func(a *attempt) { a.quote = oe.Report(a.quote, false) }, attest.ErrUnsupported},
		"two Open Enclave headers":      {func(a *attempt) { a.quote = oe.Report(oe.Report(a.quote, true), true) }, attest.ErrMalformed},
		"trailing byte behind a header": {func(a *attempt) { a.quote = append(oe.Report(a.quote, true), 0) }, attest.ErrMalformed},
		"clock behind":                  {func(a *attempt) { a.verifier.Time = at(noon.AddDate(0, 0, -11)) }, attest.ErrCollateral},
		"clock ahead":                   {func(a *attempt) { a.verifier.Time = at(noon.AddDate(0, 0, 21)) }, attest.ErrCollateral},
		"clock of 1970":                 {func(a *attempt) { a.verifier.Time = at(time.Unix(0, 0)) }, attest.ErrForged},
		"no collateral":                 {func(a *attempt) { a.verifier.Collateral = &attest.Collateral{} }, attest.ErrCollateral},
		"nil collateral":                {func(a *attempt) { a.verifier.Collateral = (*attest.Collateral)(nil) }, attest.ErrCollateral},
		"collateral without a list":     {func(a *attempt) { c := *m.collateral(t); c.PCKCRL = nil; a.verifier.Collateral = &c }, attest.ErrCollateral},
		"source that fails": {func(a *attempt) {
			a.verifier.Collateral = source(func(attest.Subject) (*attest.Collateral, error) { return nil, errSource })
		}, errSource},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a := good()
			test.change(&a)
			r, err := a.verifier.Verify(t.Context(), a.quote, a.data)
			if !errors.Is(err, test.want) || (r == nil) == (err == nil) {
				t.Fatalf("%+v, %v; want %v", r, err, test.want)
			}
			if err != nil && err != errSource && (strings.Count(err.Error(), "attest:") != 1 || !strings.HasPrefix(err.Error(), "attest: ")) {
				t.Errorf("prefix of %q", err)
			}
		})
	}
}

var errSource = errors.New("the disk is on fire")

type source func(attest.Subject) (*attest.Collateral, error)

func (f source) Collateral(_ context.Context, s attest.Subject) (*attest.Collateral, error) {
	return f(s)
}

func at(now time.Time) func() time.Time { return func() time.Time { return now } }

func signedBy(name string, product, minSVN uint16) attest.Policy {
	return attest.Policy{Products: []attest.Product{attest.SignedBy(enclave(name).MRSIGNER, product, minSVN)}}
}

func TestReport(t *testing.T) {
	m := newMachine(t)
	m.status = "SWHardeningNeeded"
	body := enclave("friend")
	data := [64]byte{1, 63: 2}
	v := m.verifier(t, "friend")
	var asked attest.Subject
	collateral := m.collateral(t)
	v.Collateral = source(func(s attest.Subject) (*attest.Collateral, error) { asked = s; return collateral, nil })

	r, err := v.Verify(t.Context(), m.quote(t, body, data), data)
	check(t, err)
	if want := (attest.Identity{Measurement: body.MRENCLAVE, Signer: body.MRSIGNER, ProductID: 7, SVN: 9}); r.Identity != want {
		t.Errorf("%+v", r.Identity)
	}
	if r.Data != data || r.Platform != (attest.Platform{FMSPC: m.platform.FMSPC, PPID: m.platform.PPID}) {
		t.Errorf("%x on %+v", r.Data, r.Platform)
	}
	if r.TCB.Status != attest.SWHardeningNeeded || !slices.Equal(r.TCB.Advisories, []string{"INTEL-SA-00001"}) ||
		!r.TCB.Date.Equal(noon.AddDate(0, 0, -10)) || r.TCB.Evaluation != 21 {
		t.Errorf("%+v", r.TCB)
	}
	if !r.Expires.Equal(noon.AddDate(0, 0, 20)) {
		t.Errorf("expires %v", r.Expires)
	}
	if r.Root != sha256.Sum256(m.authority.Root.Certificate.RawSubjectPublicKeyInfo) || r.IntelRoot() {
		t.Errorf("root %x, Intel's %v", r.Root, r.IntelRoot())
	}
	if asked != (attest.Subject{FMSPC: m.platform.FMSPC, CA: "platform"}) {
		t.Errorf("collateral for %+v", asked)
	}
	r.Root = sha256.Sum256(dcap.IntelRoot())
	if !r.IntelRoot() {
		t.Error("Intel's root is not Intel's")
	}
}

// TestAuthenticate says what of everything, without asking for whom.
func TestAuthenticate(t *testing.T) {
	m := newMachine(t)
	r, err := m.verifier(t).Authenticate(t.Context(), m.quote(t, enclave("stranger"), [64]byte{5}))
	if err != nil || r.Measurement != enclave("stranger").MRENCLAVE || r.Data != [64]byte{5} {
		t.Errorf("%+v, %v", r, err)
	}
	v := m.verifier(t)
	if err := v.Policy.Check(r); !errors.Is(err, attest.ErrPolicy) {
		t.Errorf("trusted: %v", err)
	}
}

func TestParseQuote(t *testing.T) {
	m := newMachine(t)
	b := m.quote(t, enclave("friend"), [64]byte{5})
	for name, b := range map[string][]byte{"bare": b, "behind a header": oe.Report(b, true)} {
		q, err := attest.ParseQuote(b)
		check(t, err)
		platform, root, err := q.Origin()
		if q.Version != 3 || q.Measurement != enclave("friend").MRENCLAVE || q.Data != [64]byte{5} ||
			err != nil || platform.FMSPC != m.platform.FMSPC || root != sha256.Sum256(m.authority.Root.Certificate.RawSubjectPublicKeyInfo) {
			t.Errorf("%s: %+v", name, q)
		}
	}
	for n := range b {
		if q, err := attest.ParseQuote(b[:n]); err == nil || q != nil {
			t.Fatalf("%d bytes: %+v, %v", n, q, err)
		}
	}
}

// TestClock lets the verifier ask the time itself.
func TestClock(t *testing.T) {
	m := newMachineAt(t, time.Now())
	v := m.verifier(t, "friend")
	v.Time = nil
	_, err := v.Verify(t.Context(), m.quote(t, enclave("friend"), [64]byte{}), [64]byte{})
	check(t, err)
	m = newMachineAt(t, time.Now().AddDate(-5, 0, 0))
	v = m.verifier(t, "friend")
	v.Time = nil
	if _, err := v.Verify(t.Context(), m.quote(t, enclave("friend"), [64]byte{}), [64]byte{}); !errors.Is(err, attest.ErrCollateral) {
		t.Errorf("collateral of five years ago: %v", err)
	}
}

// TestNoSource asks nobody, because its context is over.
func TestNoSource(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m := newMachine(t)
	v := m.verifier(t, "friend")
	v.Collateral = nil
	_, err := v.Verify(ctx, m.quote(t, enclave("friend"), [64]byte{}), [64]byte{})
	if !errors.Is(err, attest.ErrCollateral) || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestConcurrentUse(t *testing.T) {
	m := newMachine(t)
	v := m.verifier(t, "friend")
	quote := m.quote(t, enclave("friend"), [64]byte{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				if _, err := v.Verify(t.Context(), quote, [64]byte{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
