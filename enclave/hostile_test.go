package enclave_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cleave-sdk/cleave/enclave"
)

// TestPanickingPlatform: beside a handshake nobody else would recover, and the
// process would end.
func TestPanickingPlatform(t *testing.T) {
	for name, panics := range map[string]func(*fake){
		"quote":  func(f *fake) { f.wait = func(context.Context) { panic("no quote") } },
		"report": func(f *fake) { f.panics = true },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				c := credentials(t, f)
				first := mustSerial(t, c)
				f.set(panics)
				if err := c.Renew(t.Context()); err == nil || !strings.Contains(err.Error(), "panicked: no "+name) {
					t.Errorf("Renew: %v", err)
				}
				time.Sleep(twoThirds + 5*time.Minute) // looked at, and renewed by itself
				if mustSerial(t, c) != first {
					t.Error("the old certificate was given up")
				}
				synctest.Wait()
				if c.Err() == nil {
					t.Error("it has not failed")
				}
				f.set(func(f *fake) { f.wait, f.panics = nil, false })
				if err := c.Renew(t.Context()); err != nil || mustSerial(t, c) == first {
					t.Errorf("not recovered: %v", err)
				}
			})
		})
	}
}

// TestRenewBehindARenewalThatHangs ends, whatever the platform does with its
// context.
func TestRenewBehindARenewalThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		c := credentials(t, f)
		release := make(chan struct{})
		f.set(func(f *fake) { f.wait = func(context.Context) { <-release } })
		time.Sleep(twoThirds + 5*time.Minute)
		mustSerial(t, c) // begins one
		synctest.Wait()
		failed := make(chan error, 1)
		go func() { failed <- c.Renew(context.Background()) }()
		time.Sleep(enclave.RenewTimeout)
		synctest.Wait()
		select {
		case err := <-failed:
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		default:
			t.Error("Renew waits for ever")
		}
		close(release)
		time.Sleep(enclave.RenewTimeout)
	})
}

// blocked is a log whose reader takes nothing until it is told to.
type blocked struct {
	slog.Handler
	release chan struct{}
}

func (b blocked) Handle(ctx context.Context, r slog.Record) error {
	<-b.release
	return b.Handler.Handle(ctx, r)
}

func TestBlockedLogKeepsNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, release := new(journal), make(chan struct{})
		log := slog.New(blocked{slog.NewTextHandler(j, nil), release})
		c := credentialsWith(t, newFake(), enclave.CredentialsOptions{Log: log})
		first, start := mustSerial(t, c), time.Now()
		time.Sleep(expiry)
		if second, err := serial(t, c); err != nil || second == first || time.Since(start) != expiry {
			t.Errorf("%v, after %v", err, time.Since(start)-expiry)
		}
		if err := c.Renew(t.Context()); err != nil || time.Since(start) != expiry {
			t.Errorf("%v, after %v", err, time.Since(start)-expiry)
		}
		close(release)
		synctest.Wait()
		if n := j.count("certificate renewed"); n != 2 {
			t.Errorf("said %d times", n)
		}
	})
}

func TestCloseIsNoFailedRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, j := newFake(), new(journal)
		c := credentialsWith(t, f, enclave.CredentialsOptions{Log: slog.New(slog.NewTextHandler(j, nil))})
		f.set(func(f *fake) { f.wait = func(context.Context) { time.Sleep(time.Second) } })
		failed := make(chan error)
		go func() { failed <- c.Renew(context.Background()) }()
		synctest.Wait()
		c.Close()
		if err := <-failed; !errors.Is(err, enclave.ErrClosed) {
			t.Error(err)
		}
		synctest.Wait()
		if j.count("kept") != 0 {
			t.Errorf("said that something is kept:\n%s", &j.text)
		}
	})
}
