package aesm_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/internal/aesm"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// quotes have 600 bytes, of which the last 164 stand for a signature.
const (
	quoteSize     = 600
	signatureSize = quoteSize - 436
)

// enclave quotes reports for its target: the report's body behind 48 bytes of
// 0xAA, and 0xBB for the signature.
type enclave struct {
	mu     sync.Mutex
	target sgx.TargetInfo
	asked  int
	fail   func(asked int) error // why there is no quote this time, or nil
}

func newEnclave() *enclave {
	return &enclave{target: sgx.TargetInfo{MRENCLAVE: [32]byte{0: 0x11, 31: 0x22}, Attributes: sgx.Attributes{Flags: 0x15, XFRM: 7}}}
}

func (e *enclave) Target() sgx.TargetInfo {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.target
}

func (e *enclave) QuoteSize() int { return quoteSize }

func (e *enclave) Quote(_ context.Context, r sgx.Report) ([]byte, error) {
	e.mu.Lock()
	e.asked++
	asked, fail := e.asked, e.fail
	e.mu.Unlock()
	if fail != nil {
		if err := fail(asked); err != nil {
			return nil, err
		}
	}
	return quoteOf(r), nil
}

func (e *enclave) quotes() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.asked
}

func quoteOf(r sgx.Report) []byte {
	b := r.Body.Append(fill(nil, 48, 0xAA))
	b = append(b, signatureSize, 0, 0, 0)
	return fill(b, signatureSize, 0xBB)
}

func fill(b []byte, n int, with byte) []byte {
	for range n {
		b = append(b, with)
	}
	return b
}

// report is one with something in every part.
func report(data byte) sgx.Report {
	return sgx.Report{
		Body:  sgx.ReportBody{CPUSVN: [16]byte{1}, MRENCLAVE: [32]byte{2}, MRSIGNER: [32]byte{3}, SVN: 4, ReportData: [64]byte{data, 63: data}},
		KeyID: [32]byte{5},
		MAC:   [16]byte{6, 15: 7},
	}
}

// serve starts a server that ends with the test, and returns its socket.
func serve(t testing.TB, s *aesm.Server) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "aesm.socket")
	stop := serveAt(t, s, socket)
	t.Cleanup(stop)
	return socket
}

func serveAt(t testing.TB, s *aesm.Server, socket string) (stop func()) {
	t.Helper()
	l := listen(t, socket)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func listen(t testing.TB, socket string) net.Listener {
	t.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// answering is a service that sends the given bytes to whoever connects, one
// after another, and then hangs up. It returns what it was sent.
func answering(t testing.TB, answers ...[]byte) (socket string, requests func() [][]byte) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "aesm.socket")
	l := listen(t, socket)
	got := make(chan [][]byte, 1)
	go func() {
		var all [][]byte
		defer func() {
			l.Close() // nobody is kept waiting for more
			got <- all
		}()
		for _, answer := range answers {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			all = append(all, readRequest(nc))
			nc.Write(answer)
			nc.Close()
		}
	}()
	end := sync.OnceValue(func() [][]byte {
		l.Close()
		return <-got
	})
	t.Cleanup(func() { end() })
	return socket, end
}

// readRequest reads a frame, with its length.
func readRequest(nc net.Conn) []byte {
	nc.SetDeadline(time.Now().Add(10 * time.Second))
	b := make([]byte, 4)
	if _, err := io.ReadFull(nc, b); err != nil {
		return nil
	}
	b = append(b, make([]byte, binary.LittleEndian.Uint32(b))...)
	if _, err := io.ReadFull(nc, b[4:]); err != nil {
		return nil
	}
	return b
}

func dial(t testing.TB, socket string) *net.UnixConn {
	t.Helper()
	nc, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	nc.SetDeadline(time.Now().Add(10 * time.Second))
	return nc.(*net.UnixConn)
}

// rest is what comes until the other end hangs up.
func rest(t testing.TB, nc net.Conn) []byte {
	t.Helper()
	b, err := io.ReadAll(nc)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the other end never hangs up")
	}
	return b
}
