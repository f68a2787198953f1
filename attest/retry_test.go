package attest_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cleave-sdk/cleave/attest"
)

// try is what a transport does with one request.
type try func(*http.Request) (*http.Response, error)

func (t try) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

func status(code int, header ...string) try {
	return func(*http.Request) (*http.Response, error) {
		h := http.Header{}
		for i := 0; i < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return &http.Response{Status: http.StatusText(code), StatusCode: code, Header: h, Body: http.NoBody}, nil
	}
}

func broken(err error) try { return func(*http.Request) (*http.Response, error) { return nil, err } }

// body is an answer whose body ends so.
func body(r io.Reader) try {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(r)}, nil
	}
}

// hanging answers when the request has been given up.
func hanging(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// slow gives a byte each second.
type slow struct{ ctx context.Context }

func (s slow) Read(b []byte) (int, error) {
	select {
	case <-time.After(time.Second):
		b[0] = ' '
		return 1, nil
	case <-s.ctx.Done():
		return 0, s.ctx.Err()
	}
}

// TestPCSRetries counts how often the root's list is asked for, which is there
// when it has failed so often, and how long that takes.
func TestPCSRetries(t *testing.T) {
	const unlimited = 1000
	tests := map[string]struct {
		fails       try
		times       int // of failures
		retries     int // the field
		tries       int // that are made
		ok          bool
		from, until time.Duration
	}{
		"no failure":              {status(500), 0, 0, 1, true, 0, 0},
		"once 500":                {status(500), 1, 0, 2, true, 125 * time.Millisecond, 250 * time.Millisecond},
		"once 503":                {status(503), 1, 0, 2, true, 125 * time.Millisecond, 250 * time.Millisecond},
		"once 429":                {status(429), 1, 0, 2, true, 125 * time.Millisecond, 250 * time.Millisecond},
		"three times":             {status(500), 3, 0, 4, true, 875 * time.Millisecond, 1750 * time.Millisecond},
		"four times":              {status(500), 4, 0, 4, false, 875 * time.Millisecond, 1750 * time.Millisecond},
		"one retry":               {status(500), unlimited, 1, 2, false, 0, 250 * time.Millisecond},
		"no retry":                {status(500), 1, -1, 1, false, 0, 0},
		"ten retries":             {status(500), 10, 10, 11, true, 20 * time.Second, 70 * time.Second},
		"asked to wait":           {status(429, "Retry-After", "7"), 1, 0, 2, true, 7 * time.Second, 7 * time.Second},
		"asked to wait, busy":     {status(503, "Retry-After", "30"), 2, 0, 3, true, time.Minute, time.Minute},
		"asked to wait to a date": {status(503, "Retry-After", "Sat, 01 Jan 2000 00:00:09 GMT"), 1, 0, 2, true, 9 * time.Second, 9 * time.Second},
		"asked to wait, past":     {status(503, "Retry-After", "Fri, 31 Dec 1999 00:00:00 GMT"), 1, 0, 2, true, 125 * time.Millisecond, 250 * time.Millisecond},
		"asked to wait too long":  {status(503, "Retry-After", "31"), 1, 0, 1, false, 0, 0},
		"asked for ever":          {status(503, "Retry-After", "2147483647"), 1, 0, 1, false, 0, 0},
		"asked for nonsense":      {status(503, "Retry-After", "-1e9"), 1, 0, 2, true, 125 * time.Millisecond, 250 * time.Millisecond},
		"connection lost":         {broken(io.ErrUnexpectedEOF), 1, 0, 2, true, 125 * time.Millisecond, 250 * time.Millisecond},
		"answer lost":             {body(failing{io.ErrUnexpectedEOF}), 1, 0, 2, true, 125 * time.Millisecond, 250 * time.Millisecond},
		"no answer":               {hanging, 1, 0, 2, true, 20 * time.Second, 21 * time.Second},
		"slow answer": {func(r *http.Request) (*http.Response, error) { return body(slow{r.Context()})(r) },
			1, 0, 2, true, 20 * time.Second, 21 * time.Second},
		"huge answer":       {body(strings.NewReader(strings.Repeat(" ", 1<<20+1))), 1, 0, 1, false, 0, 0},
		"400":               {status(400), 1, 0, 1, false, 0, 0},
		"401":               {status(401), 1, 0, 1, false, 0, 0},
		"404":               {status(404), 1, 0, 1, false, 0, 0},
		"404 with a wish":   {status(404, "Retry-After", "1"), 1, 0, 1, false, 0, 0},
		"redirect":          {status(302, "Location", "https://elsewhere.example/"), 1, 0, 1, false, 0, 0},
		"another authority": {broken(&tls.CertificateVerificationError{Err: errors.New("unknown authority")}), 1, 0, 1, false, 0, 0},
		"no such host":      {broken(&net.DNSError{IsNotFound: true}), 1, 0, 1, false, 0, 0},
		"no name service":   {broken(&net.DNSError{IsTemporary: true}), 1, 0, 2, true, 0, time.Second},
	}
	m := newMachine(t)
	s := newService(m.collateral(t))
	s.answers["/IntelSGXRootCA.der"] = s.answers[base+"/rootcacrl"]
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var tries atomic.Int32
				pcs := &attest.PCS{Retries: test.retries, Client: &http.Client{Transport: try(func(r *http.Request) (*http.Response, error) {
					if r.URL.Path == "/IntelSGXRootCA.der" && tries.Add(1) <= int32(test.times) {
						return test.fails(r)
					}
					recorder := httptest.NewRecorder()
					s.ServeHTTP(recorder, r)
					return recorder.Result(), nil
				})}}
				start := time.Now()
				c, err := pcs.Collateral(t.Context(), subject(m))
				took := time.Since(start)
				if (c != nil) != test.ok || (err == nil) != test.ok || err != nil && !errors.Is(err, attest.ErrCollateral) {
					t.Errorf("%v, %v", c, err)
				}
				if int(tries.Load()) != test.tries || took < test.from || took > test.until {
					t.Errorf("%d tries in %v; want %d in %v to %v", tries.Load(), took, test.tries, test.from, test.until)
				}
			})
		})
	}
}

// TestPCSRetriesWithinTheContext: a wait that the context would cut short is
// not begun, and one that is cut short ends.
func TestPCSRetriesWithinTheContext(t *testing.T) {
	m := newMachine(t)
	synctest.Test(t, func(t *testing.T) {
		pcs := &attest.PCS{Client: &http.Client{Transport: status(503, "Retry-After", "10")}}
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
		defer cancel()
		start := time.Now()
		_, err := pcs.Collateral(ctx, subject(m))
		if !errors.Is(err, attest.ErrCollateral) || !strings.Contains(err.Error(), "no time to try again in 10s") || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err = pcs.Collateral(ctx, subject(m))
		if !errors.Is(err, attest.ErrCollateral) || !errors.Is(err, context.Canceled) || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// TestPCSEndsTogether: where one answer is missing, nobody waits for the rest.
func TestPCSEndsTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pcs := &attest.PCS{Client: &http.Client{Transport: try(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/tcb") {
				return status(404)(r)
			}
			return hanging(r)
		})}}
		start := time.Now()
		if _, err := pcs.Collateral(t.Context(), attest.Subject{}); err == nil || !strings.Contains(err.Error(), "/tcb?fmspc=") || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		pcs.Client.Transport = try(hanging)
		if _, err := pcs.Collateral(ctx, attest.Subject{}); !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "try again") {
			t.Error(err)
		}
	})
}

// TestPCSAdvice: every error says what to do.
func TestPCSAdvice(t *testing.T) {
	for name, test := range map[string]struct {
		answer try
		want   string
	}{
		"404":      {status(404), "check the URL and which platform is asked for"},
		"403":      {status(403), "use a client that has its credentials"},
		"503":      {status(503), "try again later, or ask another source"},
		"redirect": {status(307, "Location", `https://elsewhere.example/"x`), `redirects are not followed: give the URL itself, which may be "https://elsewhere.example/\"x"`},
	} {
		pcs := &attest.PCS{Retries: -1, Client: &http.Client{Transport: test.answer}}
		if _, err := pcs.Collateral(t.Context(), attest.Subject{}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
