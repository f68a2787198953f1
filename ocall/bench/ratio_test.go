package bench_test

import (
	"context"
	"math"
	"net/rpc"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/cleave-sdk/cleave/internal/ratio"
	"github.com/cleave-sdk/cleave/ocall"
	"github.com/cleave-sdk/cleave/ocall/bench/echopb"
)

// peers are connections to those of the other process.
type peers struct {
	ours   *ocall.Conn
	parked *ocall.Conn // to a host half that does not poll
	grpc   echopb.EchoClient
	rpc    *rpc.Client
}

func connect(b *testing.B) peers {
	b.Helper()
	before := runtime.GOMAXPROCS(1)
	b.Cleanup(func() { runtime.GOMAXPROCS(before) })
	dir := startPeer(b)
	undo, err := pin(0)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(undo)
	ours, parked := dial(b, dir, "ocall"), dial(b, dir, "parked")
	g, err := grpc.NewClient("unix:"+filepath.Join(dir, "grpc"), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32)))
	if err != nil {
		b.Fatal(err)
	}
	r, err := rpc.Dial("unix", filepath.Join(dir, "rpc"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { g.Close(); r.Close() })
	return peers{ours, parked, echopb.NewEchoClient(g), r}
}

func dial(b *testing.B, dir, name string) *ocall.Conn {
	b.Helper()
	b.Setenv(ocall.AddressVariable, "unix:"+filepath.Join(dir, name))
	c, err := ocall.Dial(context.Background(), service)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	return c
}

func (p peers) ourSample() error { return call(p.ours) }

func (p peers) parkedSample() error { return call(p.parked) }

func call(c *ocall.Conn) error {
	_, err := echoSample.Call(context.Background(), c, sample)
	return err
}

func (p peers) rpcSample() error { return p.rpc.Call("Echo.Sample", &sample, new(Sample)) }

func (p peers) grpcSample() error {
	_, err := p.grpc.EchoSample(context.Background(), &echopb.Sample{
		Id: sample.ID, Name: sample.Name, Size: sample.Size, Valid: sample.Valid, Data: sample.Data,
	})
	return err
}

// BenchmarkRatioGRPC has one caller and a struct of five fields.
func BenchmarkRatioGRPC(b *testing.B) {
	p := connect(b)
	ratio.Report(b, repeat(200, p.grpcSample), repeat(200, p.ourSample))
}

// BenchmarkRatioGRPCParked has a host half that does not poll, but sleeps until
// the next request.
func BenchmarkRatioGRPCParked(b *testing.B) {
	p := connect(b)
	ratio.Report(b, repeat(200, p.grpcSample), repeat(200, p.parkedSample))
}

// BenchmarkRatioNetRPC is the same over net/rpc, which encodes by gob.
func BenchmarkRatioNetRPC(b *testing.B) {
	p := connect(b)
	ratio.Report(b, repeat(500, p.rpcSample), repeat(500, p.ourSample))
}

// BenchmarkRatioNetRPCParked is as BenchmarkRatioGRPCParked.
func BenchmarkRatioNetRPCParked(b *testing.B) {
	p := connect(b)
	ratio.Report(b, repeat(500, p.rpcSample), repeat(500, p.parkedSample))
}

// BenchmarkRatioGRPC64 has 64 callers on one connection.
func BenchmarkRatioGRPC64(b *testing.B) {
	p := connect(b)
	ratio.Report(b, together(64, 10, p.grpcSample), together(64, 10, p.ourSample))
}

// large is what calls of 1 MiB send there and back.
var large = make([]byte, 1<<20)

func (p peers) grpcLarge() error {
	_, err := p.grpc.EchoBytes(context.Background(), &echopb.Bytes{Data: large})
	return err
}

// BenchmarkRatioGRPC64Parked is as BenchmarkRatioGRPCParked.
func BenchmarkRatioGRPC64Parked(b *testing.B) {
	p := connect(b)
	ratio.Report(b, together(64, 10, p.grpcSample), together(64, 10, p.parkedSample))
}

// BenchmarkRatioGRPC1M sends 1 MiB there and back. Neither half keeps it.
func BenchmarkRatioGRPC1M(b *testing.B) {
	p := connect(b)
	ratio.Report(b, repeat(4, p.grpcLarge), repeat(4, func() error {
		return echoBytes.CallBorrowed(context.Background(), p.ours, large, func([]byte) error { return nil })
	}))
}

// BenchmarkRatioGRPC1MKept has both halves be given memory of their own, as
// they always are by gRPC.
func BenchmarkRatioGRPC1MKept(b *testing.B) {
	p := connect(b)
	ratio.Report(b, repeat(4, p.grpcLarge), repeat(4, func() error {
		_, err := echoKept.Call(context.Background(), p.ours, large)
		return err
	}))
}

func repeat(n int, f func() error) func() {
	return func() {
		for range n {
			if err := f(); err != nil {
				panic(err)
			}
		}
	}
}

// together has so many callers make n calls each.
func together(callers, n int, f func() error) func() {
	return func() {
		var all sync.WaitGroup
		for range callers {
			all.Go(repeat(n, f))
		}
		all.Wait()
	}
}

// BenchmarkOurs reports what a call sets aside.
func BenchmarkOurs(b *testing.B) {
	p := connect(b)
	for b.Loop() {
		if err := p.ourSample(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
}
