package ocalltest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"time"

	"github.com/cleave-sdk/cleave/ocall"
)

// Conformance is what every way to connect the halves must carry. The host half
// handles it by HandleConformance, and the trusted half calls Conform.
var Conformance = ocall.Service{echoCall, lentCall, recordCall, sleepCall, failCall, relayStream}

type record struct {
	ID   uint64
	Name string
	Tags map[string]int
	When time.Time
	Next *[4]byte
}

var (
	echoCall    = ocall.Func[[]byte, []byte]{Name: "conformance.echo", MaxRequest: 2 << 20, MaxResponse: 2 << 20, Check: same}
	lentCall    = ocall.Func[[]byte, []byte]{Name: "conformance.lent", MaxRequest: 2 << 20, MaxResponse: 2 << 20, Check: same}
	recordCall  = ocall.Func[record, record]{Name: "conformance.record", Check: ocall.Unchecked[record, record]}
	sleepCall   = ocall.Func[ocall.None, ocall.None]{Name: "conformance.sleep", Check: ocall.Unchecked[ocall.None, ocall.None]}
	failCall    = ocall.Func[string, string]{Name: "conformance.fail", Check: ocall.Unchecked[string, string], Errors: []ocall.DeclaredError{ocall.ErrorValue("none", fs.ErrNotExist)}}
	relayStream = ocall.Stream[string, []byte, []byte]{Name: "conformance.relay", Check: ocall.Unchecked[string, []byte], MaxTotal: 1 << 30}
)

func same(req, resp []byte) error {
	if !bytes.Equal(req, resp) {
		return errors.New("another's answer")
	}
	return nil
}

// HandleConformance has mux handle Conformance.
func HandleConformance(mux *ocall.Mux) {
	echoCall.Handle(mux, func(ctx context.Context, b []byte) ([]byte, error) { return b, nil })
	lentCall.HandleBorrowed(mux, func(ctx context.Context, b []byte) ([]byte, error) { return b, nil })
	recordCall.Handle(mux, func(ctx context.Context, r record) (record, error) { return r, nil })
	sleepCall.Handle(mux, func(ctx context.Context, _ ocall.None) (ocall.None, error) {
		<-ctx.Done()
		return ocall.None{}, ctx.Err()
	})
	failCall.Handle(mux, func(ctx context.Context, how string) (string, error) {
		switch how {
		case "declared":
			return "", fs.ErrNotExist
		case "panic":
			panic(how)
		}
		return "", errors.New(how)
	})
	relayStream.Handle(mux, func(ctx context.Context, _ string, f *ocall.Flow[[]byte, []byte]) error {
		_, err := io.Copy(ocall.Writer(f), ocall.Reader(f))
		return err
	})
}

// Conform returns an error unless conn, to a host half that handles Conformance,
// carries what it must. It takes about a second, and leaves conn open.
func Conform(ctx context.Context, conn *ocall.Conn) error {
	for _, c := range []struct {
		name string
		run  func(context.Context, *ocall.Conn) error
	}{
		{"bodies of every length", lengths}, {"values", values}, {"errors", failures}, {"giving up", givingUp},
		{"64 callers with nonces", nonces}, {"streams", streams}, {"after all that", lengths},
	} {
		if err := c.run(ctx, conn); err != nil {
			return fmt.Errorf("ocalltest: %s: %w", c.name, err)
		}
	}
	return conn.Err()
}

func lengths(ctx context.Context, conn *ocall.Conn) error {
	for _, n := range []int{0, 1, 15, 16, 4079, 4080, 4081, 4096, 65535, 65536, 65537, 1 << 20, 2 << 20} {
		b := bytes.Repeat([]byte{byte(n), 'x'}, n/2)
		if _, err := echoCall.Call(ctx, conn, b); err != nil {
			return fmt.Errorf("%d bytes: %w", n, err)
		}
		if err := lentCall.CallBorrowed(ctx, conn, b, func(lent []byte) error { return same(b, lent) }); err != nil {
			return fmt.Errorf("%d bytes, lent: %w", n, err)
		}
	}
	if _, err := echoCall.Call(ctx, conn, make([]byte, 2<<20+1)); !errors.Is(err, ocall.ErrLimit) {
		return fmt.Errorf("over the limit: %v", err)
	}
	return nil
}

func values(ctx context.Context, conn *ocall.Conn) error {
	r := record{ID: 1 << 63, Name: "ünï", Tags: map[string]int{"a": -1, "b": 2}, When: time.Unix(1e9, 5).UTC(), Next: &[4]byte{1}}
	got, err := recordCall.Call(ctx, conn, r)
	if err != nil || got.ID != r.ID || got.Name != r.Name || len(got.Tags) != 2 || got.Tags["a"] != -1 || !got.When.Equal(r.When) || *got.Next != *r.Next {
		return fmt.Errorf("%+v came back as %+v: %v", r, got, err)
	}
	return nil
}

func failures(ctx context.Context, conn *ocall.Conn) error {
	var said *ocall.HostError
	for how, want := range map[string]string{"declared": "file does not exist", "panic": "internal error", "a\nb": "a\nb"} {
		_, err := failCall.Call(ctx, conn, how)
		if !errors.As(err, &said) || said.Message != want || errors.Is(err, fs.ErrNotExist) != (how == "declared") {
			return fmt.Errorf("%s: %v", how, err)
		}
	}
	return nil
}

func givingUp(ctx context.Context, conn *ocall.Conn) error {
	before := conn.Late()
	brief := sleepCall
	brief.Timeout = time.Millisecond
	if _, err := brief.Call(ctx, conn, ocall.None{}); !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("timeout: %v", err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	time.AfterFunc(time.Millisecond, cancel)
	if _, err := sleepCall.Call(cancelled, conn, ocall.None{}); !errors.Is(err, context.Canceled) {
		return fmt.Errorf("cancelled: %v", err)
	}
	for range 1000 {
		if conn.Late() == before+2 {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return errors.New("the host never acknowledged")
}

func nonces(ctx context.Context, conn *ocall.Conn) error {
	var callers sync.WaitGroup
	failed := make(chan error, 64)
	for caller := range 64 {
		callers.Go(func() {
			for n := range 50 {
				if err := nonce(ctx, conn, uint64(caller<<32|n), caller*n%3000, n%10 == 0); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	callers.Wait()
	close(failed)
	return <-failed
}

// nonce asks for n after so many zeros, and, if long, for both after 64 KiB more
// in memory that is lent.
func nonce(ctx context.Context, conn *ocall.Conn, n uint64, zeros int, long bool) error {
	b := binary.LittleEndian.AppendUint64(make([]byte, zeros), n)
	if _, err := echoCall.Call(ctx, conn, b); err != nil || !long {
		return err
	}
	b = append(make([]byte, 64<<10), b...)
	return lentCall.CallBorrowed(ctx, conn, b, func(lent []byte) error { return same(b, lent) })
}

func streams(ctx context.Context, conn *ocall.Conn) error {
	var all sync.WaitGroup
	failed := make(chan error, 8)
	for n := range 4 {
		all.Go(func() { failed <- relay(ctx, conn, 1<<20+n) })
	}
	all.Wait()
	for range 4 {
		if err := <-failed; err != nil {
			return err
		}
	}
	f, err := relayStream.Open(ctx, conn, "given up")
	if err != nil {
		return err
	}
	f.Close()
	if _, err := f.Receive(); err == nil || err == io.EOF {
		return fmt.Errorf("received after Close: %v", err)
	}
	return nil
}

func relay(ctx context.Context, conn *ocall.Conn, n int) error {
	f, err := relayStream.Open(ctx, conn, "relay")
	if err != nil {
		return err
	}
	defer f.Close()
	want := bytes.Repeat([]byte("0123456789abcde"), n/15+1)[:n]
	sent := make(chan error, 1)
	go func() {
		w := ocall.Writer(f)
		_, err := w.Write(want)
		sent <- errors.Join(err, w.Close())
	}()
	got, err := io.ReadAll(ocall.Reader(f))
	if err := errors.Join(err, <-sent); err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%d bytes came back as %d others", len(want), len(got))
	}
	return nil
}
