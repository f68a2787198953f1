package attest_test

import (
	"compress/gzip"
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/attest"
)

// TestPCSFailures breaks one of the four answers at a time.
func TestPCSFailures(t *testing.T) {
	m := newMachine(t)
	c := m.collateral(t)
	failures := map[string]http.HandlerFunc{
		"404":                  http.NotFound,
		"500":                  func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "", 500) },
		"204":                  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) },
		"huge":                 func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 1<<20+1)) },
		"huge, and compressed": compressed,
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.Write([]byte("x"))
		},
		"hung up":  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
	}
	for path := range newService(c).answers {
		for name, failure := range failures {
			t.Run(path+"/"+name, func(t *testing.T) {
				s := newService(c)
				good := s.answers[path]
				s.answers["/elsewhere"] = good
				s.answers[path] = func(w http.ResponseWriter, r *http.Request) {
					// With the headers, so that nothing but the fault is wrong.
					recorder := httptest.NewRecorder()
					good(recorder, r)
					maps.Copy(w.Header(), recorder.Header())
					failure(w, r)
				}
				got, err := s.start(t).Collateral(t.Context(), subject(m))
				if !errors.Is(err, attest.ErrCollateral) || got != nil || !strings.HasPrefix(err.Error(), "attest: ") {
					t.Errorf("%v, %v", got, err)
				}
				if slices.Contains(s.asked(), "GET /elsewhere") {
					t.Error("followed a redirect")
				}
			})
		}
	}
}

func TestPCSChainHeader(t *testing.T) {
	m := newMachine(t)
	c := m.collateral(t)
	for _, path := range []string{base + "/tcb", base + "/qe/identity"} {
		for name, header := range map[string]http.Header{
			"missing":    {},
			"empty":      {"Tcb-Info-Issuer-Chain": {""}, "Sgx-Enclave-Identity-Issuer-Chain": {""}},
			"bad escape": {"Tcb-Info-Issuer-Chain": {"%zz"}, "Sgx-Enclave-Identity-Issuer-Chain": {"%zz"}},
		} {
			s := newService(c)
			s.answers[path] = func(w http.ResponseWriter, _ *http.Request) {
				maps.Copy(w.Header(), header)
				w.Write(c.TCBInfo)
			}
			if got, err := s.start(t).Collateral(t.Context(), subject(m)); !errors.Is(err, attest.ErrCollateral) || got != nil {
				t.Errorf("%s, header %s: %v, %v", path, name, got, err)
			}
		}
	}
}

// compressed is small on the wire and two megabytes when read.
func compressed(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	z.Write(make([]byte, 2<<20))
	z.Close()
}

// TestPCSSlow ends with the context, before and within the answer.
func TestPCSSlow(t *testing.T) {
	m := newMachine(t)
	for name, begin := range map[string]func(http.ResponseWriter){
		"no answer": func(http.ResponseWriter) {},
		"half an answer": func(w http.ResponseWriter) {
			w.Header().Set("TCB-Info-Issuer-Chain", "x")
			w.Write([]byte("half"))
			w.(http.Flusher).Flush()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(m.collateral(t))
			pcs := s.start(t)
			s.answers[base+"/tcb"] = func(w http.ResponseWriter, r *http.Request) {
				begin(w)
				<-r.Context().Done() // the client has gone
			}
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			got, err := pcs.Collateral(ctx, subject(m))
			if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, attest.ErrCollateral) || got != nil {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}

func TestPCSUnreachable(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	address := "http://" + l.Addr().String()
	check(t, l.Close())
	for _, url := range []string{address, "://", "ftp://127.0.0.1", "http://127.0.0.1:0"} {
		if got, err := (&attest.PCS{URL: url, Retries: -1}).Collateral(t.Context(), attest.Subject{}); !errors.Is(err, attest.ErrCollateral) || got != nil {
			t.Errorf("%s: %v, %v", url, got, err)
		}
	}
}

// TestPCSStatusLine has a service whose status is a long text.
func TestPCSStatusLine(t *testing.T) {
	client := &http.Client{Transport: roundTrip(func(*http.Request) *http.Response {
		return &http.Response{Status: "500 " + strings.Repeat("\x1b", 100_000), StatusCode: 500, Body: http.NoBody}
	})}
	_, err := (&attest.PCS{Client: client, Retries: -1}).Collateral(t.Context(), attest.Subject{})
	if err == nil || len(err.Error()) > 1000 || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("%.200q", err)
	}
}

func TestPCSHugeChain(t *testing.T) {
	m := newMachine(t)
	s := newService(m.collateral(t))
	for path, good := range s.answers {
		s.answers[path] = func(w http.ResponseWriter, r *http.Request) {
			recorder := httptest.NewRecorder()
			good(recorder, r)
			for name, values := range recorder.Header() {
				if strings.HasSuffix(name, "-Chain") {
					values = []string{strings.Repeat("x", 64<<10+1)}
				}
				w.Header()[name] = values
			}
			w.Write(recorder.Body.Bytes())
		}
	}
	if c, err := s.start(t).Collateral(t.Context(), subject(m)); !errors.Is(err, attest.ErrCollateral) || c != nil {
		t.Error("a huge chain:", err)
	}
}
