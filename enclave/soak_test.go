package enclave_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/enclave"
	"github.com/cleave-sdk/cleave/enclave/enclavetest"
)

// soakVariable has for how long TestSoak runs, such as 10m.
const soakVariable = "CLEAVE_SOAK"

// A flapping source of collateral fails every other time, and when it does not,
// has what is published then.
type flapping struct {
	attest.Source
	asked atomic.Int64
}

func (f *flapping) Collateral(ctx context.Context, s attest.Subject) (*attest.Collateral, error) {
	if f.asked.Add(1)%2 == 0 {
		return nil, errors.New("the source is down")
	}
	return f.Source.Collateral(ctx, s)
}

// regimes are verifiers of which each trusts one of the parties. They last as
// long as the test and share one cache. Its clock gains two minutes at each
// round of the test, so that what it has is too old and newer is fetched while
// they verify by the older; not more than a day in all.
func regimes(t testing.TB, m *enclavetest.Machine, parties []party, source attest.Source) (all []*attest.Verifier, later func()) {
	t.Helper()
	var rounds atomic.Int64
	cache := &attest.Cache{Source: source, MaxAge: time.Second, Time: func() time.Time {
		return time.Now().Add(2 * time.Minute * time.Duration(min(rounds.Load(), 720)))
	}}
	for _, p := range parties {
		v := trusting(m, p)
		v.Collateral = cache
		quote, err := p.Quote(t.Context(), "soak", nil)
		if err == nil {
			_, err = v.Verify(t.Context(), quote, attest.ReportData("soak", nil))
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all, func() { rounds.Add(1) }
}

// TestSoak has connections of every kind between enclaves that are trusted and
// others that are not, while certificates are renewed, policies change, and
// collateral is fetched anew from a source that fails every other time. None is
// accepted that should not be, none refused that should be accepted.
func TestSoak(t *testing.T) {
	long, err := time.ParseDuration(os.Getenv(soakVariable))
	if err != nil {
		long = time.Second
	}
	m, elsewhere := enclavetest.NewMachine(t), enclavetest.NewMachine(t)
	parties := []party{enter(t, m, alpha, enclave.CredentialsOptions{}), enter(t, m, beta, enclave.CredentialsOptions{})}
	impostors := []party{enter(t, elsewhere, alpha, enclave.CredentialsOptions{}), enter(t, elsewhere, beta, enclave.CredentialsOptions{})}
	debug := alpha
	debug.Debug = true
	impostors = append(impostors, enter(t, m, debug, enclave.CredentialsOptions{}))

	source := &flapping{Source: m.Collateral()}
	verifiers, later := regimes(t, m, parties, source)
	var current atomic.Int64 // which of the parties is trusted
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	var made, refused, wrong atomic.Int64
	var all sync.WaitGroup
	for range 2 * runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for ctx.Err() == nil && wrong.Load() == 0 {
				now := current.Load()
				server, good := parties[now], true
				switch rand.IntN(4) {
				case 0:
					server, good = parties[1-now], false
				case 1:
					server, good = impostors[rand.IntN(len(impostors))], false
				}
				err := soakOnce(t, rand.IntN(4), server, parties[now], verifiers[now])
				if good != (err == nil) {
					wrong.Add(1)
					t.Errorf("trusted: %v, yet %v", good, err)
				}
				made.Add(1)
				if !good {
					refused.Add(1)
				}
			}
		})
	}
	all.Go(func() {
		for i := 1; ctx.Err() == nil; i++ {
			current.Store(int64(i % 2))
			later()
			for _, p := range append(parties, impostors...) {
				if err := p.creds.Renew(t.Context()); err != nil {
					t.Error(err)
				}
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	all.Wait()
	t.Logf("%d connections, %d rightly refused, %d wrongly judged, collateral asked for %d times", made.Load(), refused.Load(), wrong.Load(), source.asked.Load())
	if made.Load() < 10 || refused.Load() == 0 || source.asked.Load() < 4 {
		t.Error("too few connections, or the collateral has not changed")
	}
}

// soakOnce makes one connection, of a kind, and says who has refused it.
func soakOnce(t testing.TB, kind int, server, friend party, v *attest.Verifier) error {
	var c, s error
	switch kind {
	case 0: // evidence in the server's certificate
		c, s = talk(t, v.TLSConfig(), server.creds.ServerTLS())
	case 1: // in both: the unknown one is the client
		c, s = talk(t, server.creds.ClientTLS(v), friend.creds.MutualTLS(v))
	case 2:
		c, s = sessions(t, &attest.Session{Peer: v}, &attest.Session{Self: server.Platform, AnyPeer: true, TLS: server.creds.ServerTLS()})
	case 3:
		c, s = sessions(t, &attest.Session{Self: server.Platform, Peer: v}, &attest.Session{Self: friend.Platform, Peer: v, TLS: friend.creds.ServerTLS()})
	}
	if (c == nil) != (s == nil) {
		return errors.Join(errors.New("only one end has refused"), c, s)
	}
	return errors.Join(c, s)
}
