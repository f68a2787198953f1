package ocall_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/ocall"
)

// Frames are the same in whatever pieces their bytes come.
func TestFramesInPieces(t *testing.T) {
	var whole []byte
	var want [][]byte
	for _, n := range []int{0, 1, 64, 4079, 4080, 4081, 9000, 0, 70_000, 3} {
		f := asked{kind: kindAnswer, slot: uint32(n), length: uint32(n), body: bytes.Repeat([]byte{byte(n)}, n)}.bytes()
		whole, want = append(whole, f...), append(want, f)
	}
	for _, piece := range []int{1, 15, 16, 17, 100, 4095, 4096, 5000, len(whole)} {
		got, err := ocall.Intake(whole, piece, false)
		if err != io.EOF || len(got) != len(want) {
			t.Fatalf("pieces of %d: %d frames, %v", piece, len(got), err)
		}
		for i := range want {
			if !bytes.Equal(got[i], want[i]) {
				t.Errorf("pieces of %d: frame %d differs", piece, i)
			}
		}
		dropped, err := ocall.Intake(whole, piece, true)
		if err != io.EOF || len(dropped) != len(want) {
			t.Errorf("pieces of %d, bodies dropped: %d frames, %v", piece, len(dropped), err)
		}
	}
	for n := range 200 {
		if _, err := ocall.Intake(whole[:n], 50, false); (err == io.EOF) != (n == 0 || n == 16 || n == 33 || n == 113) {
			t.Errorf("cut after %d bytes: %v", n, err)
		}
	}
}

func FuzzIntake(f *testing.F) {
	f.Add(asked{kind: kindAnswer, length: 9000, body: make([]byte, 9000)}.bytes(), uint16(100), false)
	f.Add(append(asked{kind: kindChunk, length: 3, body: []byte("abc")}.bytes(), make([]byte, 20)...), uint16(1), true)
	f.Fuzz(func(t *testing.T, b []byte, piece uint16, drop bool) {
		frames, err := ocall.Intake(b, int(piece)+1, drop)
		if err == nil {
			t.Fatal("no end")
		}
		all := bytes.Join(frames, nil)
		if !drop && !bytes.HasPrefix(b, all) {
			t.Errorf("%x is no beginning of %x", all, b)
		}
		if !drop && err == io.EOF && len(all) != len(b) {
			t.Errorf("%d of %d bytes were taken, and no cut seen", len(all), len(b))
		}
		again, err2 := ocall.Intake(b, len(b)+1, drop)
		if len(again) != len(frames) || errors.Is(err, ocall.ErrViolation) != errors.Is(err2, ocall.ErrViolation) {
			t.Errorf("%d frames in pieces, %d at once; %v, %v", len(frames), len(again), err, err2)
		}
	})
}

// An end that comes together with the last answer, in one event of the kernel,
// is noticed too: by a Conn that asks nothing more, and by a call that waits.
func TestEndTogetherWithAnAnswer(t *testing.T) {
	for range 50 {
		conn := hostile(t, Service, func(h host) {
			h.Write(h.next().answer(entryOfA).bytes())
			h.Close()
		})
		if _, err := patient.Call(t.Context(), conn, "a"); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() bool { return conn.Err() != nil })
		if err := conn.Err(); !errors.Is(err, ocall.ErrClosed) || errors.Is(err, ocall.ErrViolation) {
			t.Fatal(err)
		}
	}
	conn := hostile(t, Service, func(h host) {
		a, b := h.next(), h.next()
		h.Write(a.answer(entryOfA).bytes())
		_ = b
		h.Close()
	})
	failed := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := patient.Call(context.Background(), conn, "a")
			failed <- err
		}()
	}
	if err := errors.Join(<-failed, <-failed); !errors.Is(err, ocall.ErrClosed) {
		t.Error(err)
	}
}

// A trusted half that is killed right after it asked ends its handlers.
func TestEndTogetherWithARequest(t *testing.T) {
	f := declare[string, string]("f")
	began, ended := make(chan bool, 1), make(chan bool, 1)
	var mux ocall.Mux
	f.Handle(&mux, func(ctx context.Context, _ string) (string, error) {
		began <- true
		<-ctx.Done()
		ended <- true
		return "", ctx.Err()
	})
	for range 20 {
		here, there := pair(t)
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan error, 1)
		go func() { served <- mux.Serve(ctx, oneConn(there), ocall.Service{f}) }()
		h := host{t, here}
		h.Write(helloOf(ocall.Service{f}))
		h.next()
		h.Write(asked{kind: kindRequest, length: 2, body: []byte("\x61a")}.bytes())
		h.Close()
		<-began
		<-ended
		stop()
		if err := <-served; err != nil {
			t.Fatal(err)
		}
	}
}

// A listener may want to know when a trusted half has connected.
func TestAgreed(t *testing.T) {
	var mux ocall.Mux
	Load.Handle(&mux, func(ctx context.Context, name string) ([]byte, error) { return nil, nil })
	agreed := make(chan bool, 1)
	here, there := pair(t)
	go mux.Serve(t.Context(), telling{oneConn(there), agreed}, ocall.Service{Load})
	conn, err := ocall.New(t.Context(), here, ocall.Service{Load})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	<-agreed
}

type telling struct {
	*connListener
	agreed chan bool
}

func (l telling) Agreed() { l.agreed <- true }

// The same with a part of a frame, long after the call began.
func TestEndTogetherWithPartOfAFrame(t *testing.T) {
	var all sync.WaitGroup
	for n := range 16 {
		all.Go(func() {
			conn := hostile(t, Service, func(h host) {
				a := h.next()
				time.Sleep(150 * time.Millisecond) // nobody looks any more
				h.Write(a.answer(entryOfA).bytes()[:n+1])
				h.Close()
			})
			if _, err := patient.Call(t.Context(), conn, "a"); !errors.Is(err, ocall.ErrClosed) {
				t.Errorf("%d bytes: %v", n+1, err)
			}
		})
	}
	all.Wait()
}

func TestEndTogetherWithPartOfARequest(t *testing.T) {
	var mux ocall.Mux
	Load.Handle(&mux, func(ctx context.Context, name string) ([]byte, error) { return nil, nil })
	for range 10 {
		here, there := pair(t)
		hungUp := make(chan bool)
		go mux.Serve(t.Context(), oneConn(closing{there, hungUp}), ocall.Service{Load})
		h := host{t, here}
		h.Write(helloOf(ocall.Service{Load}))
		h.next()
		time.Sleep(5 * time.Millisecond)
		h.Write(asked{kind: kindRequest}.bytes()[:7])
		h.Close()
		select {
		case <-hungUp:
		case <-time.After(long):
			t.Fatal("the host did not notice the end")
		}
	}
}

// closing tells of its end, and has a descriptor.
type closing struct {
	*net.UnixConn
	closed chan bool
}

func (c closing) Close() error {
	close(c.closed)
	return c.UnixConn.Close()
}

// No read is asked for more than it may return: one that returns less than was
// asked for is taken to have emptied the connection.
func TestReadsAreNotCutShort(t *testing.T) {
	for name, n := range ocall.LargestReads() {
		if n > ocall.Briefly {
			t.Errorf("%s: asks for %d bytes, and gets %d at most", name, n, ocall.Briefly)
		}
	}
}
