package attest_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/ratls"
)

// TestNoEvidenceSaysWhatToAskFor: it is what clients meet first.
func TestNoEvidenceSaysWhatToAskFor(t *testing.T) {
	m := newMachine(t)
	v := m.verifier(t, "friend")
	_, err := v.VerifyCertificate(t.Context(), m.leaf(t, "friend").parsed(t))
	if !errors.Is(err, attest.ErrMalformed) || !errors.Is(err, ratls.ErrNone) {
		t.Fatal(err)
	}
	oneSentence(t, err)
	for _, says := range []string{"plain TLS", "authority's chain", "another name or at another port", "Session"} {
		if !strings.Contains(err.Error(), says) {
			t.Errorf("%v does not say %q", err, says)
		}
	}
	if strings.Contains(err.Error(), "sent again") {
		t.Errorf("%v: that would not help", err)
	}
}

// TestUnnamedRuleSaysWhich has two dialects that share an extension.
func TestUnnamedRuleSaysWhich(t *testing.T) {
	m := newMachine(t)
	for rule, accepted := range map[ratls.Dialect]attest.Dialect{ratls.OpenEnclaveReport: attest.EGo, ratls.EGo: attest.OpenEnclaveReport} {
		_, err := m.accepting(t, accepted).VerifyCertificate(t.Context(), m.leaf(t, "friend").in(t, rule).parsed(t))
		if !errors.Is(err, attest.ErrForged) || !strings.Contains(err.Error(), "those of "+rule.String()+",") || !strings.HasSuffix(err.Error(), "; name its dialect if that is meant") {
			t.Errorf("%v where %v is accepted: %v", rule, accepted, err)
			continue
		}
		oneSentence(t, err)
	}
	_, err := m.accepting(t, attest.EGo).VerifyCertificate(t.Context(), m.leaf(t, "friend").with(t, ratls.EGo, [64]byte{1}).parsed(t))
	if !errors.Is(err, attest.ErrForged) || !strings.Contains(err.Error(), "do not trust who sent it") || strings.Contains(err.Error(), "name its dialect") {
		t.Errorf("by the rule of neither: %v", err)
	}
}

// TestDialectPadding has zeros behind quotes where that is allowed: each is
// judged by its own rule all the same, and speaks for its own key alone.
func TestDialectPadding(t *testing.T) {
	m := newMachine(t)
	padded := func(l *leaf, data [64]byte) *x509.Certificate {
		e := must(ratls.EGo.Extension(l.spki(t), m.quote(t, l.body, data)))(t)
		_, quote, err := oe.ParseReport(e.Value)
		check(t, err)
		e.Value = oe.Report(append(slices.Clone(quote), make([]byte, 100)...), true)
		return l.add(e).parsed(t)
	}
	for _, rule := range []ratls.Dialect{ratls.EGo, ratls.OpenEnclaveReport} {
		other := must(rule.ReportData(m.leaf(t, "friend").spki(t)))(t)
		for name, dialects := range map[string][]attest.Dialect{"its own": {attest.Dialect(rule)}, "all": attest.AllDialects()} {
			t.Run(rule.Key()+", "+name, func(t *testing.T) {
				v := m.accepting(t, dialects...)
				honest := m.leaf(t, "friend")
				cert := padded(honest, must(rule.ReportData(honest.spki(t)))(t))
				if _, err := v.VerifyCertificate(t.Context(), cert); err == nil {
					t.Error("accepted where padding is not allowed")
				}
				v.AllowZeroPadding = true
				r, err := v.VerifyCertificate(t.Context(), cert)
				if err != nil || r.Dialect != attest.Dialect(rule) {
					t.Errorf("%+v, %v", r, err)
				}
				r, err = v.VerifyCertificate(t.Context(), padded(m.leaf(t, "friend"), other))
				if !errors.Is(err, attest.ErrForged) || r != nil {
					t.Errorf("another's: %+v, %v", r, err)
				}
			})
		}
	}
}

// TestCertificateChangedMeanwhile has the second quote of a certificate become
// one for another key while the first waits for collateral.
func TestCertificateChangedMeanwhile(t *testing.T) {
	m := newMachine(t)
	v := m.verifier(t, "friend")
	l := m.leaf(t, "friend").in(t, ratls.DICE, ratls.EGo)
	cert, other := l.parsed(t), m.leaf(t, "friend").in(t, ratls.EGo).parsed(t)
	at := func(c *x509.Certificate) []byte {
		i := slices.IndexFunc(c.Extensions, func(e pkix.Extension) bool { return e.Id.String() == "1.3.6.1.4.1.311.105.1" })
		return c.Extensions[i].Value
	}
	has := m.collateral(t)
	v.Collateral = source(func(attest.Subject) (*attest.Collateral, error) {
		if n := copy(at(cert), at(other)); n != len(at(other)) || n != len(at(cert)) {
			t.Fatal("the two are not of one size")
		}
		return has, nil
	})
	if r, err := v.VerifyCertificate(t.Context(), cert); !errors.Is(err, attest.ErrForged) || r != nil {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestVerdictAfterAPanic: nobody waits for a verification that has ended so, and
// it has no place.
func TestVerdictAfterAPanic(t *testing.T) {
	m := newMachine(t)
	v := m.verifier(t, "friend")
	good := v.Collateral
	v.Collateral = source(func(attest.Subject) (*attest.Collateral, error) { panic("the source") })
	cert := m.leaf(t, "friend").in(t, ratls.DICE).parsed(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for i := range attest.MaxFlights + 1 {
		func() {
			defer func() {
				if recover() == nil {
					t.Fatalf("question %d has not reached the source", i)
				}
			}()
			v.VerifyCertificate(ctx, cert)
		}()
	}
	v.Collateral = good
	_, err := v.VerifyCertificate(ctx, cert)
	check(t, err)
}

// TestVerdictsAtOnce has more certificates at once than are verified at once.
func TestVerdictsAtOnce(t *testing.T) {
	m := newMachine(t)
	v := m.verifier(t, "friend")
	h := &held{arrive: make(chan struct{}, 1000), answer: make(chan error), has: m.collateral(t)}
	v.Collateral = h
	results := make(chan error, attest.MaxFlights)
	for range attest.MaxFlights {
		cert := m.leaf(t, "friend").in(t, ratls.DICE).parsed(t)
		go func() {
			_, err := v.VerifyCertificate(t.Context(), cert)
			results <- err
		}()
	}
	for range attest.MaxFlights {
		<-h.arrive
	}
	late := m.leaf(t, "friend").in(t, ratls.DICE).parsed(t)
	v.Timeout = 10 * time.Millisecond
	_, err := v.Report(tls.ConnectionState{PeerCertificates: []*x509.Certificate{late}})
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, attest.ErrCollateral) {
		t.Error(err)
	}
	if n := h.asked.Load(); n != attest.MaxFlights {
		t.Errorf("%d ask at once", n)
	}
	close(h.answer)
	for range attest.MaxFlights {
		check(t, <-results)
	}
	_, err = v.VerifyCertificate(t.Context(), late)
	check(t, err)
}

func TestBindingList9(t *testing.T) {
	m := newMachine(t)
	raw := m.leaf(t, "friend").in(t, ratls.DICE).parsed(t).Raw
	t.Run("A9_byte_after_the_certificate", func(t *testing.T) {
		if cert, err := x509.ParseCertificate(append(slices.Clone(raw), 0)); err == nil {
			t.Errorf("parsed: %d bytes", len(cert.Raw))
		}
	})
}
