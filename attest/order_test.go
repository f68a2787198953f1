package attest_test

import (
	"bytes"
	"context"
	"errors"
	"math/big"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/issue"
)

// asked counts the questions a source is asked.
type asked struct {
	attest.Source
	times int
}

func (a *asked) Collateral(ctx context.Context, s attest.Subject) (*attest.Collateral, error) {
	a.times++
	return a.Source.Collateral(ctx, s)
}

// Whoever makes up a platform has nobody fetch its collateral.
func TestForgedChainAsksNobody(t *testing.T) {
	m := newMachine(t)
	source := &asked{Source: m.collateral(t)}
	v := &attest.Verifier{Collateral: source, Time: at(noon)} // Intel's root
	if _, err := v.Verify(t.Context(), m.quote(t, enclave("friend"), [64]byte{}), [64]byte{}); !errors.Is(err, attest.ErrForged) {
		t.Error(err)
	}
	if source.times != 0 {
		t.Errorf("collateral asked for %d times", source.times)
	}
}

// A monotonic reading would hide that the host has set the clock back.
func TestClockHasNoMonotonicReading(t *testing.T) {
	now := time.Now()
	m := newMachineAt(t, now)
	v := m.verifier(t, "friend")
	v.Collateral = m.evaluated(t, 21, 21, issue.Days(now.AddDate(0, 0, -2), 30))
	v.Time = nil
	r, err := v.Verify(t.Context(), m.quote(t, enclave("friend"), [64]byte{}), [64]byte{})
	check(t, err)
	if r.Judged != r.Judged.Round(0) {
		t.Error("judged by a time with a monotonic reading")
	}
}

// reusing answers every question out of one buffer.
type reusing struct {
	collateral *attest.Collateral
	buffer     []byte
	next       []byte // what the buffer has once collateral is asked for
}

func (r *reusing) PCK(context.Context, attest.PCKID) ([]byte, error) { return r.buffer, nil }

func (r *reusing) Collateral(context.Context, attest.Subject) (*attest.Collateral, error) {
	copy(r.buffer, r.next)
	return r.collateral, nil
}

// A chain is remembered by bytes that nobody can change.
func TestReusedPCKBuffer(t *testing.T) {
	m, forger := newMachine(t), newMachine(t)
	named := func(m *machine) []byte {
		body := enclave("friend")
		q := issue.NewQuote(&body, &m.qe)
		q.CertType, q.CertData = 3, make([]byte, 384+16+2+2)
		return m.sign(t, q)
	}
	chain := m.authority.PCKChain(m.pck)
	genuine := issue.PEM(chain...)
	forged := issue.PEM(forger.pck.Certificate, chain[1], chain[2])
	n := max(len(genuine), len(forged))
	pad := func(b []byte) []byte { return append(bytes.Clone(b), bytes.Repeat([]byte("\n"), n-len(b))...) }

	source := &reusing{collateral: m.collateral(t), buffer: pad(genuine), next: pad(genuine)}
	v := m.verifier(t, "friend")
	v.Collateral, v.PCK = source, source
	_, err := v.Verify(t.Context(), named(m), [64]byte{})
	check(t, err)
	copy(source.buffer, pad(forged))
	if _, err := v.Verify(t.Context(), named(forger), [64]byte{}); !errors.Is(err, attest.ErrForged) {
		t.Errorf("a forged chain in a buffer that had the genuine one: %v", err)
	}
}

// The same of quotes, which a caller may change while collateral is fetched.
func TestQuoteChangedMeanwhile(t *testing.T) {
	m := newMachine(t)
	stranger := m.quote(t, enclave("stranger"), [64]byte{})
	forged := bytes.Clone(stranger)
	body := enclave("friend")
	copy(forged[48:], body.Append(nil))
	source := &reusing{collateral: m.collateral(t), buffer: forged, next: stranger}
	v := m.verifier(t, "friend")
	v.Collateral = source
	if r, err := v.Verify(t.Context(), forged, [64]byte{}); !errors.Is(err, attest.ErrForged) {
		t.Errorf("a friend's body over a stranger's signature: %+v, %v", r, err)
	}
}

// A list's serials and its signature are of the same bytes.
func TestRevocationListChangedInPlace(t *testing.T) {
	m, forger := newMachine(t), newMachine(t)
	serial := m.pck.Certificate.SerialNumber
	list := func(by *issue.Entity, revoked *big.Int) []byte {
		return must(issue.CRL{Validity: issue.Days(m.now.AddDate(0, 0, -10), 30), Number: 1, Revoked: []*big.Int{revoked}}.Sign(by))(t)
	}
	genuine := list(m.authority.PCKCA, serial)
	forged := list(forger.authority.PCKCA, new(big.Int).Xor(serial, big.NewInt(1)))
	for len(forged) != len(genuine) { // signatures differ in length
		forged = list(forger.authority.PCKCA, new(big.Int).Xor(serial, big.NewInt(1)))
	}
	c := *m.collateral(t)
	c.PCKCRL = bytes.Clone(forged)
	v := m.verifier(t, "friend")
	v.Collateral = &c
	quote := m.quote(t, enclave("friend"), [64]byte{})
	for _, next := range [][]byte{genuine, genuine} {
		if _, err := v.Verify(t.Context(), quote, [64]byte{}); err == nil {
			t.Error("a revoked machine is accepted")
		}
		copy(c.PCKCRL, next)
	}
}

// One answer that lags behind does not lock good evidence out: what the clock
// refuses is asked for anew.
func TestLaggingAnswer(t *testing.T) {
	m := newMachine(t)
	quote := m.quote(t, enclave("friend"), [64]byte{})
	synctest.Test(t, func(t *testing.T) {
		offset := time.Until(noon)
		now := func() time.Time { return time.Now().Add(offset) }
		source := &asked{Source: m.evaluated(t, 21, 20, issue.Days(noon.AddDate(0, 0, -2), 30))}
		v := m.verifier(t, "friend")
		v.Time, v.Collateral = now, &attest.Cache{Source: source, Time: now}
		verify := func() error {
			_, err := v.Verify(t.Context(), quote, [64]byte{})
			synctest.Wait() // for the cache's renewal
			return err
		}
		check(t, verify())

		time.Sleep(25 * time.Hour) // a renewal is due, and lags behind
		source.Source = m.evaluated(t, 20, 20, issue.Days(noon.AddDate(0, 0, -1), 30))
		verify()
		source.Source = m.evaluated(t, 21, 21, issue.Days(noon, 30))
		verify()
		time.Sleep(2 * time.Minute)
		verify()
		check(t, verify())
	})
}
