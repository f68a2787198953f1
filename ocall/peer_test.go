package ocall_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/ocall"
)

// The host half of what is measured is another process, as in life: this test
// binary, with the directory for its sockets in a variable. It ends with its
// standard input.
const peerVariable = "OCALL_TEST_PEER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(peerVariable); dir != "" {
		if err := servePeer(dir); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// sample is a request and response of five fields, as services have them.
type sample struct {
	ID    uint64
	Name  string
	Size  int64
	Valid bool
	Data  []byte
}

var (
	echoSample = ocall.Func[sample, sample]{Name: "sample", Check: ocall.Unchecked[sample, sample]}
	zeros      = ocall.Stream[int64, ocall.None, []byte]{Name: "zeros", Check: ocall.Unchecked[int64, []byte], MaxTotal: 1 << 40}
	count      = ocall.Stream[ocall.None, []byte, int64]{Name: "count", Check: ocall.Unchecked[ocall.None, int64]}
)

var peerService = ocall.Service{echo, echoSample, zeros, count}

func servePeer(dir string) error {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	raw, err := net.Listen("unix", filepath.Join(dir, "raw"))
	if err != nil {
		return err
	}
	go echoRaw(raw)
	l, err := net.Listen("unix", filepath.Join(dir, "calls"))
	if err != nil {
		return err
	}
	var mux ocall.Mux
	echo.Handle(&mux, func(ctx context.Context, p []byte) ([]byte, error) { return p, nil })
	echoSample.Handle(&mux, func(ctx context.Context, s sample) (sample, error) { return s, nil })
	zeros.Handle(&mux, sendZeros)
	count.Handle(&mux, countBytes)
	return mux.Serve(ctx, l, peerService)
}

func sendZeros(ctx context.Context, n int64, f *ocall.Flow[[]byte, ocall.None]) error {
	_, err := io.CopyN(ocall.Writer(f), zeroReader{}, n)
	return err
}

func countBytes(ctx context.Context, _ ocall.None, f *ocall.Flow[int64, []byte]) error {
	n, err := io.Copy(io.Discard, ocall.Reader(f))
	return errors.Join(err, f.Send(n))
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func echoRaw(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			buf := make([]byte, 64)
			for {
				if _, err := io.ReadFull(c, buf); err != nil {
					return
				}
				c.Write(buf)
			}
		}()
	}
}

// startPeer starts the other process, on one processor, and returns where its
// sockets are.
func startPeer(t testing.TB) (dir string) {
	t.Helper()
	dir = t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), peerVariable+"="+dir, "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
	})
	for range 1000 {
		if c, err := net.Dial("unix", filepath.Join(dir, "calls")); err == nil {
			c.Close()
			return dir
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("the other process does not serve")
	return ""
}

// dialPeer dials the other process's calls.
func dialPeer(t testing.TB, dir string) *ocall.Conn {
	t.Helper()
	t.Setenv(ocall.AddressVariable, "unix:"+filepath.Join(dir, "calls"))
	conn, err := ocall.Dial(context.Background(), peerService)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}
