package attest_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/cleave-sdk/cleave/internal/ratls"
)

// A remembering verifier has verified a certificate, and a handshake with it
// has been complete.
type remembering struct {
	m    *machine
	v    *attest.Verifier
	leaf *leaf
	cert *x509.Certificate
	now  time.Time
}

func newRemembering(t testing.TB) *remembering {
	t.Helper()
	m := newMachine(t)
	r := &remembering{m: m, v: m.verifier(t, "friend"), leaf: m.leaf(t, "friend").in(t, ratls.DICE), now: m.now}
	r.v.Time = func() time.Time { return r.now }
	r.cert = r.leaf.parsed(t)
	_, err := r.report(true)
	check(t, err)
	return r
}

func (r *remembering) report(complete bool) (*attest.Report, error) { return r.of(r.cert, complete) }

func (r *remembering) of(cert *x509.Certificate, complete bool) (*attest.Report, error) {
	return r.v.Report(tls.ConnectionState{PeerCertificates: []*x509.Certificate{cert}, HandshakeComplete: complete})
}

func (r *remembering) kept(t *testing.T, proven, unproven int) {
	t.Helper()
	if p, u, _ := r.v.Kept(); p != proven || u != unproven {
		t.Errorf("%d proven and %d others, want %d and %d", p, u, proven, unproven)
	}
}

// TestVerdictList has the ways to have a verdict given that would not be
// reached (section F of the list of attacks). All begin with a certificate
// whose verdict is remembered.
func TestVerdictList(t *testing.T) {
	t.Run("honest", func(t *testing.T) {
		r := newRemembering(t)
		r.kept(t, 1, 0)
		first, err := r.report(false)
		check(t, err)
		first.TCB.Advisories[0], first.TCB.Platform.Advisories[0] = "changed", "changed"
		r.now = r.now.Add(time.Minute)
		second, err := r.report(false)
		if err != nil || !second.Judged.Equal(r.now) || second.TCB.Advisories[0] != "INTEL-SA-00001" || second.TCB.Platform.Advisories[0] != "INTEL-SA-00001" {
			t.Errorf("%+v, %v", second, err)
		}
		r.kept(t, 1, 0)
	})
	t.Run("F_policy_change", func(t *testing.T) {
		r := newRemembering(t)
		for name, policy := range map[string]attest.Policy{
			"none": {}, "another build": {Builds: []attest.Measurement{{1}}}, "TCB": {Builds: r.v.Policy.Builds, TCB: []attest.TCBStatus{attest.OutOfDate}},
			"platform": {Builds: r.v.Policy.Builds, DenyPPIDs: []attest.PPID{r.m.platform.PPID}},
		} {
			r.v.Policy = policy
			if report, err := r.report(true); !errors.Is(err, attest.ErrPolicy) || report != nil {
				t.Errorf("%s: %+v, %v", name, report, err)
			}
		}
	})
	t.Run("F_root_change", func(t *testing.T) {
		r := newRemembering(t)
		for _, root := range []*x509.Certificate{nil, newMachine(t).authority.Root.Certificate} {
			r.v.Root = root
			if report, err := r.report(true); !errors.Is(err, attest.ErrForged) || report != nil {
				t.Errorf("%+v, %v", report, err)
			}
		}
	})
	t.Run("F_dialects_change", func(t *testing.T) {
		r := newRemembering(t)
		r.v.Dialects = []attest.Dialect{attest.EGo}
		if report, err := r.report(true); !errors.Is(err, attest.ErrUnsupported) || report != nil {
			t.Errorf("%+v, %v", report, err)
		}
	})
	t.Run("F_max_life_change", func(t *testing.T) {
		r := newRemembering(t)
		r.v.MaxLife = time.Hour
		if report, err := r.report(true); !errors.Is(err, attest.ErrForged) || report != nil {
			t.Errorf("%+v, %v", report, err)
		}
	})
	t.Run("F_collateral_update", func(t *testing.T) {
		r := newRemembering(t)
		worse := *r.m
		worse.status = "OutOfDate"
		r.v.Collateral = worse.collateral(t)
		if report, err := r.report(true); !errors.Is(err, attest.ErrPolicy) || report != nil {
			t.Errorf("%+v, %v", report, err)
		}
	})
	t.Run("F_revocation", func(t *testing.T) {
		r := newRemembering(t)
		c := *r.v.Collateral.(*attest.Collateral) // the same but for one document
		list := issue.CRL{Validity: issue.Days(r.now.AddDate(0, 0, -1), 30), Number: 1, Revoked: []*big.Int{r.m.pck.Certificate.SerialNumber}}
		c.PCKCRL = must(list.Sign(r.m.authority.PCKCA))(t)
		r.v.Collateral = &c
		if report, err := r.report(true); !errors.Is(err, attest.ErrForged) || report != nil {
			t.Errorf("%+v, %v", report, err)
		}
	})
	t.Run("F_collateral_changed_in_its_place", func(t *testing.T) {
		r := newRemembering(t)
		c := r.v.Collateral.(*attest.Collateral)
		worse := *r.m
		worse.status = "Revoked"
		*c = *worse.collateral(t) // which nobody should do
		if report, err := r.report(true); !errors.Is(err, attest.ErrPolicy) || report != nil {
			t.Errorf("%+v, %v", report, err)
		}
	})
	t.Run("F_older_collateral_again", func(t *testing.T) {
		r := newRemembering(t)
		old := r.v.Collateral
		other := r.m.leaf(t, "friend").in(t, ratls.DICE).parsed(t)
		_, err := r.of(other, true)
		check(t, err)
		r.v.Collateral = r.m.evaluated(t, 99, 99, issue.Days(r.now.AddDate(0, 0, -10), 30))
		_, err = r.report(true)
		check(t, err)
		r.v.Collateral = old
		for _, cert := range []*x509.Certificate{r.cert, other} { // the other's verdict is by the old one
			if report, err := r.of(cert, true); !errors.Is(err, attest.ErrCollateral) || report != nil {
				t.Errorf("%+v, %v", report, err)
			}
		}
	})
	t.Run("F_source_fails", func(t *testing.T) {
		r := newRemembering(t)
		r.v.Collateral = attest.Bundle{}
		if report, err := r.report(true); !errors.Is(err, attest.ErrCollateral) || report != nil {
			t.Errorf("%+v, %v", report, err)
		}
	})
	t.Run("F_after_NotAfter", func(t *testing.T) {
		r := newRemembering(t)
		r.now = r.cert.NotAfter.Add(time.Second)
		if report, err := r.report(true); !errors.Is(err, attest.ErrForged) || report != nil {
			t.Errorf("%+v, %v", report, err)
		}
	})
	t.Run("F_after_collateral_expired", func(t *testing.T) {
		r := newRemembering(t)
		long := r.m.leaf(t, "friend")
		long.template.NotAfter = r.now.AddDate(1, 0, 0)
		cert := long.in(t, ratls.DICE).parsed(t)
		report, err := r.of(cert, true)
		check(t, err)
		r.now = report.Expires.Add(time.Second)
		if report, err := r.of(cert, true); !errors.Is(err, attest.ErrCollateral) || report != nil {
			t.Errorf("%+v, %v", report, err)
		}
		r.v.Policy.Grace = time.Hour // and what rests on expired collateral is not remembered
		report, err = r.of(cert, true)
		if err != nil || !report.Stale() {
			t.Errorf("%+v, %v", report, err)
		}
		r.v.Policy.Grace = 0
		if report, err := r.of(cert, true); !errors.Is(err, attest.ErrCollateral) || report != nil {
			t.Errorf("%+v, %v", report, err)
		}
	})
	t.Run("F_clock_backwards", func(t *testing.T) {
		r := newRemembering(t)
		r.now = r.now.AddDate(0, 0, -5) // when collateral was good, and no certificate yet
		report, err := r.report(true)
		if err != nil || !report.Judged.Equal(r.m.now) {
			t.Errorf("%+v, %v: not as of the latest time", report, err)
		}
		r.now = r.cert.NotAfter.Add(-time.Second)
		_, err = r.report(true)
		check(t, err)
		r.now = r.now.AddDate(1, 0, 0)
		if report, err := r.report(true); err == nil {
			t.Errorf("a year later: %+v", report)
		}
	})
	t.Run("F_failed_verification", func(t *testing.T) {
		r := newRemembering(t)
		stranger := r.m.leaf(t, "stranger").in(t, ratls.DICE).parsed(t)
		unbound := r.m.leaf(t, "friend").with(t, ratls.DICE, [64]byte{1}).parsed(t)
		for range 2 {
			if _, err := r.of(stranger, true); !errors.Is(err, attest.ErrPolicy) {
				t.Error(err)
			}
			if _, err := r.of(unbound, true); !errors.Is(err, attest.ErrForged) {
				t.Error(err)
			}
		}
		r.kept(t, 1, 0)
		r.v.Policy.Builds = append(r.v.Policy.Builds, enclave("stranger").MRENCLAVE)
		_, err := r.of(stranger, true) // a refusal is not remembered
		check(t, err)
	})
	t.Run("F_unfinished_handshake", func(t *testing.T) {
		r := newRemembering(t)
		cert := r.m.leaf(t, "friend").in(t, ratls.DICE).parsed(t)
		for range 2 {
			_, err := r.of(cert, false)
			check(t, err)
			r.kept(t, 1, 1)
		}
		_, err := r.of(cert, true)
		check(t, err)
		r.kept(t, 2, 0)
		_, err = r.of(cert, false) // another handshake begins
		check(t, err)
		r.kept(t, 2, 0)
	})
	t.Run("F_same_key_in_another_certificate", func(t *testing.T) {
		r := newRemembering(t)
		other := r.m.leaf(t, "friend")
		other.key = r.leaf.key
		for name, cert := range map[string]*x509.Certificate{
			"no evidence":    other.parsed(t),
			"another's":      other.with(t, ratls.DICE, [64]byte{1}).parsed(t),
			"signed by none": must(x509.ParseCertificate(flipped(r.cert.Raw, len(r.cert.Raw)-1)))(t),
		} {
			if report, err := r.of(cert, true); err == nil {
				t.Errorf("%s: %+v", name, report)
			}
		}
	})
	t.Run("F_chain_verified_elsewhere", func(t *testing.T) {
		r := newRemembering(t)
		cert := r.m.leaf(t, "friend").in(t, ratls.DICE).by(r.m.authority.PCKCA).parsed(t)
		chains := [][]*x509.Certificate{{cert, r.m.authority.PCKCA.Certificate}}
		_, err := r.v.Report(tls.ConnectionState{PeerCertificates: chains[0][:1], VerifiedChains: chains, HandshakeComplete: true})
		check(t, err)
		if report, err := r.of(cert, true); !errors.Is(err, attest.ErrForged) || report != nil {
			t.Errorf("%+v, %v", report, err)
		}
	})
	t.Run("F_flood_of_unproven", func(t *testing.T) {
		r := newRemembering(t)
		r.v.Fill(3 * attest.MaxUnproven)
		r.kept(t, 1, attest.MaxUnproven)
		for range 20 {
			cert := r.m.leaf(t, "friend").in(t, ratls.DICE).parsed(t)
			_, err := r.of(cert, false)
			check(t, err)
		}
		r.kept(t, 1, attest.MaxUnproven)
	})
	t.Run("F_many_collateral", func(t *testing.T) {
		r := newRemembering(t)
		for i := range 3 * attest.MaxShared {
			r.v.Collateral = r.m.evaluated(t, 100+i, 100+i, issue.Days(r.now.AddDate(0, 0, -10), 30))
			_, err := r.report(true)
			check(t, err)
			if p, _, shared := r.v.Kept(); p != 1 || shared > attest.MaxShared {
				t.Fatalf("%d proven, %d collateral", p, shared)
			}
		}
	})
	t.Run("F_source_with_new_copies", func(t *testing.T) {
		r := newRemembering(t)
		same := r.v.Collateral.(*attest.Collateral)
		r.v.Collateral = source(func(attest.Subject) (*attest.Collateral, error) {
			c := *same
			c.TCBInfo = append([]byte(nil), c.TCBInfo...)
			return &c, nil
		})
		for range 5 {
			_, err := r.of(r.m.leaf(t, "friend").in(t, ratls.DICE).parsed(t), true)
			check(t, err)
		}
		if _, _, shared := r.v.Kept(); shared != 1 {
			t.Errorf("the same documents are kept %d times", shared)
		}
	})
	t.Run("F_certificates_from_elsewhere", func(t *testing.T) {
		r := newRemembering(t)
		source := &pckSource{chain: issue.PEM(r.m.authority.PCKChain(r.m.pck)...)}
		r.v.PCK = source
		l := r.m.leaf(t, "friend")
		body := l.body
		body.ReportData = must(ratls.DICE.ReportData(l.spki(t)))(t)
		q := issue.NewQuote(&body, &r.m.qe)
		q.CertType, q.CertData = 1, make([]byte, 36)
		cert := l.add(must(ratls.DICE.Extension(l.spki(t), r.m.sign(t, q)))(t)).parsed(t)
		_, err := r.of(cert, true)
		check(t, err)
		r.kept(t, 1, 0)
		source.chain = nil
		if report, err := r.of(cert, true); !errors.Is(err, attest.ErrCollateral) || report != nil {
			t.Errorf("%+v, %v", report, err)
		}
	})
}

// held is a source that says when it is asked, and answers when it is told to.
type held struct {
	asked  atomic.Int32
	arrive chan struct{} // gets one for each question
	answer chan error
	has    *attest.Collateral
}

func (h *held) Collateral(ctx context.Context, _ attest.Subject) (*attest.Collateral, error) {
	h.asked.Add(1)
	h.arrive <- struct{}{}
	select {
	case err := <-h.answer:
		return h.has, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// waits begins verifications of the same certificate, the first of which waits
// for the source by the time it returns.
func waits(t *testing.T, contexts ...context.Context) (*held, *attest.Verifier, []chan error) {
	t.Helper()
	m := newMachine(t)
	v := m.verifier(t, "friend")
	h := &held{arrive: make(chan struct{}, 100), answer: make(chan error), has: m.collateral(t)}
	v.Collateral = h
	cert := m.leaf(t, "friend").in(t, ratls.DICE).parsed(t)
	var results []chan error
	for i, ctx := range contexts {
		result := make(chan error, 1)
		results = append(results, result)
		go func() {
			_, err := v.VerifyCertificate(ctx, cert)
			result <- err
		}()
		if i == 0 {
			<-h.arrive
		}
	}
	return h, v, results
}

// TestVerdictListFlights has many ask at once.
func TestVerdictListFlights(t *testing.T) {
	t.Run("F_one_verification_for_many", func(t *testing.T) {
		contexts := make([]context.Context, 50)
		for i := range contexts {
			contexts[i] = t.Context()
		}
		h, v, results := waits(t, contexts...)
		v.AwaitWaiting(len(contexts) - 1)
		h.answer <- nil
		for _, result := range results {
			check(t, <-result)
		}
		if n := h.asked.Load(); n != 1 {
			t.Errorf("%d verifications", n)
		}
	})
	t.Run("F_error_not_remembered", func(t *testing.T) {
		h, v, results := waits(t, t.Context(), t.Context())
		v.AwaitWaiting(1)
		down := errors.New("down")
		h.answer <- down
		for _, result := range results {
			if err := <-result; !errors.Is(err, down) {
				t.Error(err)
			}
		}
		if p, u, _ := v.Kept(); p+u != 0 {
			t.Error("an error is remembered")
		}
	})
	t.Run("F_waiter_gives_up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		h, v, results := waits(t, t.Context(), ctx)
		v.AwaitWaiting(1)
		cancel()
		if err := <-results[1]; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		h.answer <- nil
		check(t, <-results[0])
	})
	t.Run("F_first_gives_up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		h, v, results := waits(t, ctx, t.Context(), t.Context())
		v.AwaitWaiting(2)
		cancel()
		if err := <-results[0]; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		<-h.arrive      // another takes its place
		close(h.answer) // and may be done before the third is there
		check(t, <-results[1])
		check(t, <-results[2])
		if n := h.asked.Load(); n > 3 {
			t.Errorf("%d verifications", n)
		}
	})
	t.Run("F_while_everything_changes", func(t *testing.T) {
		r := newRemembering(t)
		certs := make([]*x509.Certificate, 8)
		for i := range certs {
			certs[i] = r.m.leaf(t, "friend").in(t, ratls.DICE).parsed(t)
		}
		stranger := r.m.leaf(t, "stranger").in(t, ratls.DICE).parsed(t)
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for j := range 20 {
					if _, err := r.of(certs[(i+j)%8], j%3 == 0); err != nil {
						t.Error(err)
					}
					if _, err := r.of(stranger, true); !errors.Is(err, attest.ErrPolicy) {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
	})
}
