package ocall_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/ocall"
)

// mutatedFrames is how many frames the flood bends: OCALL_TEST_FRAMES, or a few
// seconds' worth. With 1000000 it takes two minutes.
func mutatedFrames(t *testing.T) int64 {
	if v := os.Getenv("OCALL_TEST_FRAMES"); v != "" {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if raced {
		return 5_000
	}
	return 20_000
}

// What a flood is allowed. Of its 64 callers, four send and hear up to 256 KiB,
// and half of them may at once.
const (
	floodMemory  = 2 * 2 * floodLarge
	floodLarge   = 256 << 10
	floodSmall   = 1 << 10
	floodTimeout = 200 * time.Millisecond

	// floodHeap is what the live heap may grow by: what Dialer.Memory and its
	// comment allow a connection, each large caller's request and the copy that
	// waits for a turn, and 2 MiB for the host, which is in this process too. Twice
	// that, as the collector takes what is set aside while it looks for in use.
	floodHeap = 2 * (floodMemory + 9<<20 + 4*2*floodLarge + 2<<20)
)

// flooding is a host that bends every fourth frame at random, most of them in
// their bodies, since a bent header ends the connection.
type flooding struct {
	t       *testing.T
	service ocall.Service
	left    atomic.Int64
	silent  atomic.Int64 // connections on which it said no more
}

func (f *flooding) serve(nc net.Conn, seed uint64) {
	defer nc.Close()
	random := rand.New(rand.NewPCG(seed, 7))
	h := host{f.t, nc}
	done := make(chan bool)
	go func() { // host.read ends its goroutine
		defer close(done)
		h.next()
		h.Write(helloOf(f.service))
		var before []byte
		for n := 0; ; n++ {
			if seed%100 == 0 && n == 20 {
				f.fallSilent(h)
			}
			a := h.next()
			if a.kind == kindCancel {
				continue
			}
			b := a.answer(a.body).bytes()
			if random.IntN(4) == 0 {
				f.left.Add(-1)
				b, before = f.bend(random, b, before), b
			}
			h.Write(b)
		}
	}()
	<-done
}

// fallSilent has every call given up, and counts what they take: none of those
// that come from here on is over, for the host has not answered it.
func (f *flooding) fallSilent(h host) {
	f.silent.Add(1)
	for taken := 0; ; {
		switch a := h.next(); {
		case a.kind != kindRequest:
			continue
		case a.call == 0:
			taken += 2 * floodLarge
		default:
			taken += 2 * floodSmall
		}
		if taken > floodMemory {
			f.t.Errorf("calls of %d bytes are under way, %d are allowed", taken, floodMemory)
		}
	}
}

func (f *flooding) bend(random *rand.Rand, b, before []byte) []byte {
	b = bytes.Clone(b)
	switch way := random.IntN(1000); {
	case way < 5: // any bit of the header
		b[random.IntN(16)] ^= 1 << random.IntN(8)
	case way < 8: // an odd number where a number is
		odd := [...]uint32{0, 1, 63, 64, 1 << 16, 1<<31 - 1, 1 << 31, 1<<32 - 1}
		binary.LittleEndian.PutUint32(b[4*(1+random.IntN(3)):], odd[random.IntN(len(odd))])
	case way < 10: // something else again
		b = append(b, before...)
	case way < 12:
		b = b[:random.IntN(len(b))]
	case way < 500:
		b[16+random.IntN(len(b)-16)] ^= 1 << random.IntN(8)
	case way < 700: // a shorter body, well framed
		n := random.IntN(len(b) - 16)
		b = b[:16+n]
		binary.LittleEndian.PutUint32(b[12:], uint32(n))
	case way < 900 && len(before) >= 16 && len(before) <= floodSmall: // another's body
		b = append(b[:12:12], before[12:]...)
	default: // what it says instead
		b[0] = kindFailure
		if len(b) > 16+1+ocall.MaxMessage {
			b = b[:16+1+ocall.MaxMessage]
			binary.LittleEndian.PutUint32(b[12:], 1+ocall.MaxMessage)
		}
	}
	return b
}

// dial connects with bounded memory.
func (f *flooding) dial(l net.Listener) *ocall.Conn {
	d := ocall.Dialer{Memory: floodMemory, Connect: func(context.Context) (net.Conn, error) { return net.Dial("unix", l.Addr().String()) }}
	conn, err := d.Dial(f.t.Context(), f.service)
	if err != nil {
		f.t.Fatal(err)
	}
	return conn
}

// floodOf is a call whose answer is its request.
func floodOf(name string, most int) ocall.Func[[]byte, []byte] {
	return ocall.Func[[]byte, []byte]{Name: name, Timeout: floodTimeout, MaxRequest: most, MaxResponse: most, Check: func(req, resp []byte) error {
		if !bytes.Equal(req, resp) {
			return errors.New("not mine")
		}
		return nil
	}}
}

// tally is how a flood's calls ended.
type tally struct {
	good, large, bent, givenUp atomic.Int64
	latest                     atomic.Int64 // nanoseconds after its timeout
}

// call makes calls until the flood is over, the connection ends or the host has
// fallen silent.
func (n *tally) call(flood *flooding, conn *ocall.Conn, f ocall.Func[[]byte, []byte], caller uint64) {
	body := make([]byte, f.MaxRequest)
	binary.LittleEndian.PutUint64(body, caller)
	for i := uint64(0); flood.left.Load() > 0; i++ {
		binary.LittleEndian.PutUint64(body[8:], i)
		nonce := body[:max(16, len(body)>>(i%9))]
		began := time.Now()
		got, err := f.Call(flood.t.Context(), conn, nonce)
		n.late(time.Since(began) - f.Timeout)
		var said *ocall.HostError
		switch {
		case err == nil && bytes.Equal(got, nonce):
			n.good.Add(1)
			if len(got) == floodLarge {
				n.large.Add(1)
			}
		case err == nil || got != nil:
			flood.t.Errorf("%x was answered by %d bytes, %v", nonce[:16], len(got), err)
			return
		case errors.Is(err, context.DeadlineExceeded):
			n.givenUp.Add(1)
			return
		case errors.Is(err, ocall.ErrClosed):
			return
		case errors.Is(err, ocall.ErrViolation), errors.As(err, &said):
			n.bent.Add(1)
		default:
			flood.t.Error(err)
			return
		}
	}
}

func (n *tally) late(by time.Duration) {
	for {
		latest := n.latest.Load()
		if int64(by) <= latest || n.latest.CompareAndSwap(latest, int64(by)) {
			return
		}
	}
}

// watch looks at the process until stop is closed: what of the heap was found to
// be in use, garbage not included, and how late this machine has been with what
// was due.
func watch(stop chan bool) (heap uint64, late time.Duration) {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	for {
		metrics.Read(live)
		heap = max(heap, live[0].Value.Uint64())
		due := time.Now().Add(2 * time.Millisecond)
		select {
		case <-stop:
			return heap, late
		case <-time.After(time.Until(due)):
			late = max(late, time.Since(due))
		}
	}
}

// Whatever a host sends, or does not, each of 64 callers has its own answer or an
// error, by its deadline; memory stays where it is, and nothing is left.
func TestFloodOfMutatedFrames(t *testing.T) {
	large, small := floodOf("large", floodLarge), floodOf("small", floodSmall)
	flood := &flooding{t: t, service: ocall.Service{large, small}}
	flood.left.Store(mutatedFrames(t))
	goroutines := runtime.NumGoroutine()
	runtime.GC()
	before := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(before)
	stop, seen := make(chan bool), make(chan bool)
	var heap uint64
	var lateness time.Duration
	go func() { heap, lateness = watch(stop); close(seen) }()
	l := listen(t)
	go func() {
		for seed := uint64(0); ; seed++ {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go flood.serve(nc, seed)
		}
	}()
	var n tally
	for flood.left.Load() > 0 {
		conn := flood.dial(l)
		var all sync.WaitGroup
		for caller := range uint64(64) {
			f := small
			if caller%16 == 0 {
				f = large
			}
			all.Go(func() { n.call(flood, conn, f, caller) })
		}
		all.Wait()
		conn.Close()
	}
	close(stop)
	<-seen
	grown, late := heap-min(heap, before[0].Value.Uint64()), time.Duration(n.latest.Load())
	t.Logf("%d calls answered, %d of them by 256 KiB, %d refused, %d given up, %v late at most; the machine was, by %v; %d KiB more of heap in use",
		n.good.Load(), n.large.Load(), n.bent.Load(), n.givenUp.Load(), late, lateness, grown>>10)
	if n.good.Load() == 0 || n.large.Load() == 0 || n.bent.Load() == 0 || flood.silent.Load() == 0 || n.givenUp.Load() == 0 {
		t.Error("the flood tried nothing")
	}
	if n.givenUp.Load() > 64*flood.silent.Load()+n.good.Load()/4 {
		t.Errorf("%d calls were given up, by a host that fell silent %d times", n.givenUp.Load(), flood.silent.Load())
	}
	if grown > floodHeap {
		t.Errorf("%d bytes more of heap in use, at most %d", grown, floodHeap)
	}
	// A tick sees the call, and another one that it is over, 20 ms apart each. To
	// that comes what the machine takes to run the ticks and the caller, each as
	// late as it was with other things.
	if most := 2*20*time.Millisecond + 100*time.Millisecond + 10*lateness; late > most {
		t.Errorf("a call came back %v after its deadline, at most %v on a machine that is late by %v", late, most, lateness)
	}
	l.Close()
	until(t, "all goroutines end", func() bool { return runtime.NumGoroutine() <= goroutines })
}

// A body that drips in does not take more memory than has come, times two.
func TestDrippingBodyTakesLittleMemory(t *testing.T) {
	f := declare[[]byte, []byte]("f")
	f.MaxResponse, f.Timeout = 64<<20, 100*time.Millisecond
	got := allocated(func() {
		conn := hostile(t, ocall.Service{f}, func(h host) {
			h.Write(h.next().answer(nil).with(func(a *asked) { a.length = 64 << 20; a.body = make([]byte, 1000) }))
		})
		if _, err := f.Call(t.Context(), conn, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		conn.Close()
	})
	if got > 4<<20 {
		t.Errorf("%d bytes set aside for a kilobyte that came", got)
	}
}
