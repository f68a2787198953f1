package bench_test

import (
	"context"
	"io"
	"math"
	"net"
	"net/rpc"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/cleave-sdk/cleave/ocall"
	"github.com/cleave-sdk/cleave/ocall/bench/echopb"
)

// The host half is another process: this test binary, with the directory for
// its sockets in a variable. It ends with its standard input.
const peerVariable = "OCALL_BENCH_PEER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(peerVariable); dir != "" {
		_, err := pin(1)
		if err == nil {
			err = serve(dir)
		}
		if err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// Sample is what all of them echo, beside bytes.
type Sample struct {
	ID    uint64
	Name  string
	Size  int64
	Valid bool
	Data  []byte
}

var sample = Sample{ID: 1 << 40, Name: "a blob of some name", Size: 4096, Valid: true, Data: make([]byte, 16)}

const most = 2 << 20

var (
	echoSample = ocall.Func[Sample, Sample]{Name: "sample", Check: ocall.Unchecked[Sample, Sample]}
	echoBytes  = ocall.Func[[]byte, []byte]{Name: "bytes", Check: ocall.Unchecked[[]byte, []byte], MaxRequest: most, MaxResponse: most}
	echoKept   = ocall.Func[[]byte, []byte]{Name: "kept", Check: ocall.Unchecked[[]byte, []byte], MaxRequest: most, MaxResponse: most}
	service    = ocall.Service{echoSample, echoBytes, echoKept}
)

func serve(dir string) error {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	var listeners []net.Listener
	for _, name := range []string{"grpc", "rpc", "ocall", "parked"} {
		l, err := net.Listen("unix", filepath.Join(dir, name))
		if err != nil {
			return err
		}
		listeners = append(listeners, l)
	}
	s := grpc.NewServer(grpc.MaxRecvMsgSize(math.MaxInt32))
	echopb.RegisterEchoServer(s, grpcEcho{})
	go s.Serve(listeners[0])
	if err := rpc.RegisterName("Echo", RPCEcho{}); err != nil {
		return err
	}
	go rpc.Accept(listeners[1])
	go answer(ctx, listeners[3], new(ocall.Mux))
	return answer(ctx, listeners[2], &ocall.Mux{BusyPoll: 50 * time.Microsecond})
}

func answer(ctx context.Context, l net.Listener, mux *ocall.Mux) error {
	echoSample.Handle(mux, func(ctx context.Context, s Sample) (Sample, error) { return s, nil })
	echoBytes.HandleBorrowed(mux, func(ctx context.Context, b []byte) ([]byte, error) { return b, nil })
	echoKept.Handle(mux, func(ctx context.Context, b []byte) ([]byte, error) { return b, nil })
	return mux.Serve(ctx, l, service)
}

type grpcEcho struct{ echopb.UnimplementedEchoServer }

func (grpcEcho) EchoSample(ctx context.Context, s *echopb.Sample) (*echopb.Sample, error) {
	return s, nil
}

func (grpcEcho) EchoBytes(ctx context.Context, b *echopb.Bytes) (*echopb.Bytes, error) {
	return b, nil
}

// RPCEcho is what net/rpc calls.
type RPCEcho struct{}

// Sample echoes.
func (RPCEcho) Sample(in *Sample, out *Sample) error {
	*out = *in
	return nil
}

// startPeer starts the other process, and returns where its sockets are.
func startPeer(b *testing.B) (dir string) {
	b.Helper()
	dir = b.TempDir()
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), peerVariable+"="+dir, "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
	})
	for range 1000 {
		if c, err := net.Dial("unix", filepath.Join(dir, "ocall")); err == nil {
			c.Close()
			return dir
		}
		time.Sleep(5 * time.Millisecond)
	}
	b.Fatal("the other process does not serve")
	return ""
}
