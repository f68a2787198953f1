package host_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/enclave"
	"github.com/cleave-sdk/cleave/host"
	"github.com/cleave-sdk/cleave/internal/aesm"
	"github.com/cleave-sdk/cleave/internal/platform"
	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/internal/sim"
)

// faulty is a quoting enclave with the troubles of real ones.
type faulty struct {
	aesm.QuotingEnclave
	trouble atomic.Pointer[func(context.Context) error]
}

func (f *faulty) Quote(ctx context.Context, r sgx.Report) ([]byte, error) {
	if trouble := f.trouble.Load(); trouble != nil {
		if err := (*trouble)(ctx); err != nil {
			return nil, err
		}
	}
	return f.QuotingEnclave.Quote(ctx, r)
}

// Sixty-four goroutines make credentials while the service is killed, started
// again, slow, and out of EPC. Every failure is typed, and none outlasts its
// cause.
func TestCredentialsThroughTroubles(t *testing.T) {
	m, qe := simulatedMachine(t)
	e := &faulty{QuotingEnclave: qe}
	h := &host.QuoteHelper{Socket: filepath.Join(t.TempDir(), "aesm.socket"), Timeout: 5 * time.Second}
	p, err := enclave.New(platform.Quoted{Platform: providerless{m.Enclave(sim.Identity{MRENCLAVE: [32]byte{1}})}, Helper: h})
	if err != nil {
		t.Fatal(err)
	}
	renew := func(t *testing.T, timeout time.Duration, want func(error) bool) {
		t.Helper()
		var all sync.WaitGroup
		for range 64 {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), timeout)
				defer cancel()
				if creds, err := enclave.NewCredentials(ctx, p); (err == nil) != (creds != nil) || !want(err) {
					t.Errorf("%v", err)
				}
			})
		}
		all.Wait()
	}
	fails := func(kind error, code aesm.Code, says string) func(error) bool {
		return func(err error) bool {
			var typed *aesm.Error
			return errors.Is(err, kind) && errors.As(err, &typed) && typed.Code == code && strings.Contains(err.Error(), says)
		}
	}
	works := func(err error) bool { return err == nil }
	is := func(err error) *func(context.Context) error {
		f := func(context.Context) error { return err }
		return &f
	}
	hang := func(ctx context.Context) error { <-ctx.Done(); return aesm.Busy }

	stop := service(t, e, h.Socket)
	renew(t, time.Minute, works)
	for name, row := range map[string]struct {
		trouble *func(context.Context) error
		timeout time.Duration
		want    func(error) bool
	}{
		"out of EPC":       {is(aesm.OutOfEPC), time.Minute, fails(host.ErrQuotesUnavailable, aesm.OutOfEPC, "sgx.intel.com/epc")},
		"busy":             {is(aesm.Busy), time.Minute, fails(host.ErrQuotesUnavailable, aesm.Busy, "try again")},
		"no network":       {is(aesm.NetworkError), time.Minute, fails(host.ErrQuotesUnavailable, aesm.NetworkError, "PCCS")},
		"no certificate":   {is(aesm.NoCertificateData), time.Minute, fails(aesm.NoCertificateData, aesm.NoCertificateData, "register it")},
		"no device":        {is(aesm.NoDevice), time.Minute, fails(aesm.NoDevice, aesm.NoDevice, "BIOS")},
		"key always lost":  {is(aesm.KeyNotInitialised), time.Minute, fails(host.ErrQuotesUnavailable, aesm.KeyNotInitialised, "target")},
		"something unsaid": {is(errors.New("unsaid")), time.Minute, fails(aesm.Unexpected, aesm.Unexpected, "restart")},
		"slow":             {&hang, 100 * time.Millisecond, func(err error) bool { return errors.Is(err, context.DeadlineExceeded) }},
	} {
		t.Run(name, func(t *testing.T) {
			e.trouble.Store(row.trouble)
			renew(t, row.timeout, row.want)
			e.trouble.Store(nil)
			renew(t, time.Minute, works)
		})
	}
	stop()
	renew(t, time.Minute, fails(host.ErrQuotesUnavailable, 0, "start aesmd"))
	stop = service(t, e, h.Socket)
	renew(t, time.Minute, works)

	// Killed in the middle: each has a quote or a typed error.
	slow := func(ctx context.Context) error { time.Sleep(time.Millisecond); return nil }
	e.trouble.Store(&slow)
	time.AfterFunc(5*time.Millisecond, stop)
	renew(t, time.Minute, func(err error) bool { return err == nil || errors.Is(err, host.ErrQuotesUnavailable) })
	stop()
	service(t, e, h.Socket)
	renew(t, time.Minute, works)
}
