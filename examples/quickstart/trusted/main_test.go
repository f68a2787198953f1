package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/enclave"
	"github.com/cleave-sdk/cleave/enclave/enclavetest"
	"github.com/cleave-sdk/cleave/examples/quickstart/calls"
	"github.com/cleave-sdk/cleave/internal/platform"
	"github.com/cleave-sdk/cleave/internal/platform/gramine"
	"github.com/cleave-sdk/cleave/internal/platform/gramine/gramtest"
	"github.com/cleave-sdk/cleave/internal/platform/occlum"
	"github.com/cleave-sdk/cleave/internal/platform/occlum/occlumtest"
	"github.com/cleave-sdk/cleave/internal/sim"
	"github.com/cleave-sdk/cleave/ocall"
)

var identity = sim.Identity{MRENCLAVE: [32]byte{1}, MRSIGNER: [32]byte{2}, ProductID: 1, SVN: 1}

// The same trusted half, on every platform there is a likeness of. On the
// simulator the quickstart itself runs it.
func TestEveryPlatform(t *testing.T) {
	policy := attest.Policy{Builds: []attest.Measurement{identity.MRENCLAVE}}
	likeness := func(t *testing.T, open func(*sim.Machine, *sim.Enclave) (platform.Platform, error)) (*enclave.Platform, *attest.Verifier) {
		m, err := sim.New()
		if err != nil {
			t.Fatal(err)
		}
		inside, err := open(m, m.Enclave(identity))
		if err != nil {
			t.Fatal(err)
		}
		p, err := enclave.New(inside)
		if err != nil {
			t.Fatal(err)
		}
		pcs := httptest.NewServer(m.PCS())
		t.Cleanup(pcs.Close)
		return p, &attest.Verifier{Policy: policy, Root: m.Root(), Collateral: &attest.PCS{URL: pcs.URL + "/sgx/certification/v4"}}
	}
	for name, open := range map[string]func(*testing.T) (*enclave.Platform, *attest.Verifier){
		"in process": func(t *testing.T) (*enclave.Platform, *attest.Verifier) {
			m := enclavetest.NewMachine(t)
			return m.Enclave(t, attest.Identity{Measurement: identity.MRENCLAVE, Signer: identity.MRSIGNER}), m.Verifier(policy)
		},
		"Gramine": func(t *testing.T) (*enclave.Platform, *attest.Verifier) {
			return likeness(t, func(m *sim.Machine, e *sim.Enclave) (platform.Platform, error) {
				return gramine.OpenWith(&gramtest.Tree{Enclave: e, Quoting: m, Type: "dcap"})
			})
		},
		"Occlum": func(t *testing.T) (*enclave.Platform, *attest.Verifier) {
			return likeness(t, func(m *sim.Machine, e *sim.Enclave) (platform.Platform, error) {
				return occlum.OpenWith((&occlumtest.Device{Enclave: e, Quoting: m}).Ioctl)
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, v := open(t)
			h := newHost(t)
			first := h.start(t, p, v)
			if got := first.do(t, http.MethodPost, "/sign", "message"); got != "503" {
				t.Errorf("without a secret: %s", got)
			}
			if got := first.do(t, http.MethodPut, "/secret", "sixteen bytes or more"); got != "" {
				t.Fatal(got)
			}
			signature := first.do(t, http.MethodPost, "/sign", "message")
			first.stop(t)
			second := h.start(t, p, v)
			if again := second.do(t, http.MethodPost, "/sign", "message"); again != signature || len(again) != 65 {
				t.Errorf("%q before the restart, %q after", signature, again)
			}
			second.stop(t)
		})
	}
}

// hostHalf is one, with a store in memory.
type hostHalf struct {
	ready chan string
}

func newHost(t *testing.T) *hostHalf {
	h := &hostHalf{ready: make(chan string, 1)}
	var mu sync.Mutex
	blobs := map[string][]byte{}
	var mux ocall.Mux
	calls.Load.Handle(&mux, func(_ context.Context, name string) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		return bytes.Clone(blobs[name]), nil
	})
	calls.Store.Handle(&mux, func(_ context.Context, b calls.Blob) (struct{}, error) {
		mu.Lock()
		defer mu.Unlock()
		blobs[b.Name] = bytes.Clone(b.Content)
		return struct{}{}, nil
	})
	calls.Ready.Handle(&mux, func(_ context.Context, address string) (struct{}, error) {
		h.ready <- address
		return struct{}{}, nil
	})
	path := filepath.Join(t.TempDir(), "ocall.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(ocall.AddressVariable, "unix:"+path)
	go mux.Serve(t.Context(), l, calls.Service)
	return h
}

// running is a trusted half and a client of it.
type running struct {
	url    string
	client *http.Client
	cancel context.CancelFunc
	ended  chan error
}

func (h *hostHalf) start(t *testing.T, p *enclave.Platform, v *attest.Verifier) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{cancel: cancel, ended: make(chan error, 1), client: &http.Client{Transport: &http.Transport{TLSClientConfig: v.TLSConfig()}}}
	go func() { r.ended <- serve(ctx, p) }()
	select {
	case address := <-h.ready:
		r.url = "https://" + address
	case err := <-r.ended:
		t.Fatal(err)
	}
	return r
}

func (r *running) stop(t *testing.T) {
	t.Helper()
	r.cancel()
	if err := <-r.ended; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
	r.client.CloseIdleConnections()
}

// do returns the answer, or the first word of a status that is not 200.
func (r *running) do(t *testing.T, method, path, body string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, r.url+path, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := r.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return answer.Status[:3]
	}
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
