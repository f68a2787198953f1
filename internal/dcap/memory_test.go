package dcap_test

import (
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/issue"
)

// TestMemory changes what is given to a memory that has verified everything
// before: it must notice as if it had seen nothing.
func TestMemory(t *testing.T) {
	number := big.NewInt(0x5EC0DE)
	good := func() *scene {
		s := newScene()
		s.pckProfile.Serial = number
		return s
	}
	day := 24 * time.Hour
	type given struct {
		*evidence
		documents *dcap.Documents
	}
	tests := map[string]struct {
		change func(g *given)
		want   error
	}{
		"nothing":                {func(*given) {}, nil},
		"parsed again":           {func(g *given) { g.documents = must(dcap.ParseCollateral(g.collateral))(t) }, nil},
		"another root":           {func(g *given) { g.root = dcap.IntelRoot() }, dcap.ErrForged},
		"later":                  {func(g *given) { g.now = g.now.Add(21 * day) }, dcap.ErrCollateral},
		"earlier":                {func(g *given) { g.now = g.now.Add(-11 * day) }, dcap.ErrCollateral},
		"after the certificates": {func(g *given) { g.now = g.now.AddDate(6, 0, 0) }, dcap.ErrForged},
		"QE report changed":      {func(g *given) { g.quote[600] ^= 1 }, dcap.ErrForged},
		"quote changed":          {func(g *given) { g.quote[100] ^= 1 }, dcap.ErrForged},
		"attestation key":        {func(g *given) { g.quote[510] ^= 1 }, dcap.ErrForged},
		"certificates changed":   {func(g *given) { g.quote[len(g.quote)-200] ^= 1 }, errAny},
		"TCB info changed": {func(g *given) {
			g.collateral.TCBInfo = []byte(replace("UpToDate", "Uptodate")(string(g.collateral.TCBInfo)))
			g.documents = must(dcap.ParseCollateral(g.collateral))(t)
		}, dcap.ErrCollateral},
		"QE identity changed": {func(g *given) {
			g.collateral.QEIdentity = []byte(replace("UpToDate", "Uptodate")(string(g.collateral.QEIdentity)))
			g.documents = must(dcap.ParseCollateral(g.collateral))(t)
		}, dcap.ErrCollateral},
		"another's documents": {func(g *given) {
			g.documents = must(dcap.ParseCollateral(newScene().play(t).collateral))(t)
		}, dcap.ErrCollateral},
		"another's quote": {func(g *given) { g.quote = newScene().play(t).quote }, dcap.ErrForged},
	}
	for name, test := range tests {
		var m dcap.Memory
		e := good().play(t)
		g := given{e, must(dcap.ParseCollateral(e.collateral))(t)}
		want, err := e.remembering(&m, g.documents)
		check(t, err)
		for range 2 {
			again, err := e.remembering(&m, g.documents)
			check(t, err)
			if !reflect.DeepEqual(again, want) {
				t.Fatalf("%+v, then %+v", want, again)
			}
		}
		test.change(&g)
		v, err := g.remembering(&m, g.documents)
		if test.want == errAny && err != nil {
			continue
		}
		if !errors.Is(err, test.want) || (v == nil) == (err == nil) {
			t.Errorf("%s: %+v, %v; want %v", name, v, err, test.want)
		}
	}
}

var errAny = errors.New("any error")

// TestMemoryRevocation learns of a revocation after it has seen the chain.
func TestMemoryRevocation(t *testing.T) {
	number := big.NewInt(0x5EC0DE)
	revocations := map[string]change{
		"PCK_REVOKED":             func(s *scene) { s.pckProfile.Serial, s.pckCRL.Revoked = number, []*big.Int{number} },
		"INTERMEDIATE_CA_REVOKED": func(s *scene) { s.caProfile.Serial, s.rootCRL.Revoked = number, []*big.Int{number} },
	}
	for name, revoke := range revocations {
		s := newScene()
		var before dcap.Collateral
		revoke(s)
		revokedRoot, revokedPCK := s.rootCRL, s.pckCRL
		s.rootCRL.Revoked, s.pckCRL.Revoked = nil, nil
		var p *people
		s.certified = func(all *people) { p = all }
		e := s.play(t)
		before = e.collateral
		after := before
		after.RootCRL, after.PCKCRL = must(revokedRoot.Sign(p.root))(t), must(revokedPCK.Sign(p.ca))(t)

		var m dcap.Memory
		_, err := e.remembering(&m, must(dcap.ParseCollateral(before))(t))
		check(t, err)
		_, err = e.remembering(&m, must(dcap.ParseCollateral(after))(t))
		forged(name, "").check(t, err)
	}
}

// TestVerdictIsTheCallers: what a caller does to a verdict does not change the
// next one.
func TestVerdictIsTheCallers(t *testing.T) {
	s := newScene()
	s.tcbInfo.Levels[0].Advisories = []string{"INTEL-SA-2", "INTEL-SA-1"}
	s.qeIdentity.Levels[0].Advisories = []string{"INTEL-SA-3"}
	e := s.play(t)
	documents := must(dcap.ParseCollateral(e.collateral))(t)
	var m dcap.Memory
	first := must(e.remembering(&m, documents))(t)
	for _, list := range [][]string{first.TCB.Advisories, first.TCB.Platform.Advisories, first.TCB.QE.Advisories} {
		clear(list)
	}
	second := must(e.remembering(&m, documents))(t)
	if want := must(e.verify())(t); !reflect.DeepEqual(second, want) {
		t.Errorf("%+v, want %+v", second.TCB, want.TCB)
	}
}

// TestMemoryOtherCA: that a revocation list is good for the platforms of one
// PCK CA says nothing of those of another under the same root and name.
func TestMemoryOtherCA(t *testing.T) {
	s := newScene()
	var p *people
	s.certified = func(all *people) { p = all }
	e := s.play(t)
	documents := must(dcap.ParseCollateral(e.collateral))(t)
	var m dcap.Memory
	_, err := e.remembering(&m, documents)
	check(t, err)

	other := *p
	other.ca = must(s.caProfile.Issue(p.root, nil))(t)
	other.pck = must(s.pckProfile.Issue(other.ca, nil))(t)
	other.pckKey = other.pck.Key
	e.quote = s.makeQuote(t, &other)
	for range 2 {
		_, err = e.remembering(&m, documents)
		unusable("CRL_INVALID_SIGNATURE", "PCK").check(t, err)
	}
}

// TestMemoryBounds fills a memory with more than it holds, from several
// goroutines.
func TestMemoryBounds(t *testing.T) {
	e := newScene().play(t)
	var m dcap.Memory
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 20 {
				documents, err := dcap.ParseCollateral(e.collateral)
				if err != nil {
					t.Error(err)
				}
				e := *e
				e.quote = spaced(e.quote, fmt.Sprintf("%0*d", worker+1, i))
				if _, err := e.remembering(&m, documents); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if chains, documents := m.Size(); chains == 0 || chains > 80 || documents == 0 || documents > dcap.MaxDocuments {
		t.Errorf("%d chains, %d documents", chains, documents)
	}
	for n := range dcap.MaxChains {
		m.Fill(n)
	}
	if chains, _ := m.Size(); chains != dcap.MaxChains {
		t.Errorf("%d chains, not %d", chains, dcap.MaxChains)
	}
}

// spaced puts white space that tells the digits of a number between the
// certificates.
func spaced(quote []byte, digits string) []byte {
	space := make([]byte, len(digits))
	for i, d := range digits {
		space[i] = " \n\r\t"[(d-'0')%4]
	}
	return withChain(quote, append(space, quote[certificatesAt:]...))
}

// TestMemoryForgetsStrangers: a chain that leads up to nobody's root is not
// remembered, so that it cannot crowd others out.
func TestMemoryForgetsStrangers(t *testing.T) {
	e := newScene().play(t)
	e.root = dcap.IntelRoot()
	var m dcap.Memory
	if _, err := e.remembering(&m, must(dcap.ParseCollateral(e.collateral))(t)); err == nil {
		t.Error("verifies")
	}
	if chains, documents := m.Size(); chains+documents != 0 {
		t.Errorf("%d chains, %d documents", chains, documents)
	}
}

func TestGrace(t *testing.T) {
	soon := noon.Add(-time.Hour)
	stale := map[string]change{
		"TCB info":     func(s *scene) { s.tcbInfo.NextUpdate = issue.Date(soon) },
		"QE identity":  func(s *scene) { s.qeIdentity.NextUpdate = issue.Date(soon) },
		"root CA list": func(s *scene) { s.rootCRL.Validity.Until = soon },
		"PCK list":     func(s *scene) { s.pckCRL.Validity.Until = soon },
	}
	never := map[string]change{
		"PCK":                  func(s *scene) { s.pckProfile.Validity.Until = soon },
		"PCK CA":               func(s *scene) { s.caProfile.Validity.Until = soon },
		"root":                 func(s *scene) { s.rootProfile.Validity.Until = soon },
		"TCB signer":           func(s *scene) { s.signingProfile.Validity.Until = soon },
		"TCB info not yet":     func(s *scene) { s.tcbInfo.IssueDate = issue.Date(noon.Add(time.Minute)) },
		"QE identity not yet":  func(s *scene) { s.qeIdentity.IssueDate = issue.Date(noon.Add(time.Minute)) },
		"root CA list not yet": func(s *scene) { s.rootCRL.Validity.From = noon.Add(time.Minute) },
		"PCK list not yet":     func(s *scene) { s.pckCRL.Validity.From = noon.Add(time.Minute) },
		"expired for too long": func(s *scene) { s.pckCRL.Validity.Until = noon.Add(-4 * time.Hour) },
		"by a second more":     func(s *scene) { s.tcbInfo.NextUpdate = issue.Date(noon.Add(-3*time.Hour - time.Second)) },
	}
	judge := func(change change, grace time.Duration) (*dcap.Verdict, error) {
		s := newScene()
		change(s)
		e := s.play(t)
		e.grace = grace
		return e.remembering(new(dcap.Memory), must(dcap.ParseCollateral(e.collateral))(t))
	}
	for name, change := range stale {
		for _, grace := range []time.Duration{0, 59 * time.Minute, -time.Hour} {
			if v, err := judge(change, grace); !errors.Is(err, dcap.ErrCollateral) || v != nil {
				t.Errorf("%s with a grace of %v: %+v, %v", name, grace, v, err)
			}
		}
		for _, grace := range []time.Duration{time.Hour, 3 * time.Hour} {
			v, err := judge(change, grace)
			if err != nil || !v.Expires.Equal(soon) {
				t.Errorf("%s with a grace of %v: %+v, %v", name, grace, v, err)
			}
		}
	}
	for name, change := range never {
		if v, err := judge(change, 3*time.Hour); err == nil || v != nil {
			t.Errorf("%s: %+v", name, v)
		}
	}
	if _, err := judge(func(*scene) {}, -30*24*time.Hour); err != nil {
		t.Errorf("a negative grace takes life away: %v", err)
	}
}
