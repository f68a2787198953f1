package attest_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// A press issues collateral about any platform. What it says of one has no
// meaning but its dates and numbers.
type press struct{ authority *issue.Authority }

func newPress(t testing.TB) *press {
	t.Helper()
	return &press{must(issue.NewAuthority(issue.SimulatorNames(), issue.Days(time.Now().AddDate(-1, 0, 0), 10*365)))(t)}
}

// An edition is what a test wants to be in collateral.
type edition struct {
	subject      attest.Subject
	issued, next time.Time
	evaluation   int
}

func (p *press) print(t testing.TB, e edition) *attest.Collateral {
	t.Helper()
	valid := issue.Validity{From: e.issued, Until: e.next}
	info := issue.NewTCBInfo(&issue.Platform{FMSPC: e.subject.FMSPC}, valid)
	identity := issue.NewQEIdentity(&sgx.ReportBody{}, valid)
	info.ID = e.subject.TEE.String()
	info.EvaluationNumber, identity.EvaluationNumber = e.evaluation, e.evaluation
	chain := issue.PEM(p.authority.TCBSigningChain()...)
	return &attest.Collateral{
		TCBInfo:         must(info.Sign(p.authority.TCBSigning))(t),
		TCBInfoChain:    chain,
		QEIdentity:      must(identity.Sign(p.authority.TCBSigning))(t),
		QEIdentityChain: chain,
		RootCRL:         must(issue.CRL{Validity: valid, Number: 1}.Sign(p.authority.Root))(t),
		PCKCRL:          must(issue.CRL{Validity: valid, Number: 1}.Sign(p.authority.PCKCA))(t),
	}
}

// month is collateral about s from now on.
func (p *press) month(t testing.TB, s attest.Subject) *attest.Collateral {
	t.Helper()
	return p.print(t, edition{s, time.Now(), time.Now().AddDate(0, 0, 30), 21})
}

// numbered is the nth kind of platform.
func numbered(n int) attest.Subject {
	return attest.Subject{FMSPC: [6]byte{0, 0, 0, 0, byte(n >> 8), byte(n)}, CA: "platform"}
}

// A depot is a source that a test opens and closes, and that counts.
type depot struct {
	mu     sync.Mutex
	has    map[attest.Subject]*attest.Collateral
	err    error
	delay  time.Duration
	asked  int
	active int
	peak   int // of active
}

var errClosed = errors.New("the depot is closed")

func newDepot() *depot { return &depot{has: map[attest.Subject]*attest.Collateral{}} }

func (d *depot) Collateral(ctx context.Context, s attest.Subject) (*attest.Collateral, error) {
	delay := d.enter()
	defer d.leave()
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return nil, d.err
	}
	if d.has[s] == nil {
		return nil, errors.New("not in the depot")
	}
	c := *d.has[s] // as a service would, a new one each time
	return &c, nil
}

func (d *depot) enter() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked++
	d.active++
	d.peak = max(d.peak, d.active)
	return d.delay
}

func (d *depot) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.active--
}

// set changes what the depot does.
func (d *depot) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

func (d *depot) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked
}
