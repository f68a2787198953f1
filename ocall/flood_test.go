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
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/ocall"
)

// mutatedFrames is how many frames the flood bends: OCALL_TEST_FRAMES, or a few
// seconds' worth. With 10000000 it takes some minutes.
func mutatedFrames(t *testing.T) int64 {
	if v := os.Getenv("OCALL_TEST_FRAMES"); v != "" {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return 20_000
}

// flooding is a host that bends every fourth frame at random, most of them in
// their bodies, since a bent header ends the connection.
type flooding struct {
	t       *testing.T
	service ocall.Service
	left    atomic.Int64
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
		for {
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
	case way < 900 && len(before) >= 16: // another's body
		b = append(b[:12:12], before[12:]...)
	default: // what it says instead
		b[0] = kindFailure
	}
	return b
}

// Whatever a host sends, each of 64 callers has its own answer or an error, by
// its deadline; memory stays where it is.
func TestFloodOfMutatedFrames(t *testing.T) {
	f := ocall.Func[[]byte, []byte]{Name: "nonce", Timeout: 2 * time.Second, MaxRequest: 1 << 10, MaxResponse: 1 << 10, Check: func(req, resp []byte) error {
		if !bytes.Equal(req, resp) {
			return errors.New("not mine")
		}
		return nil
	}}
	flood := &flooding{t: t, service: ocall.Service{f}}
	flood.left.Store(mutatedFrames(t))
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
	var good, bent, most uint64
	for flood.left.Load() > 0 {
		conn := dial(t, l, flood.service)
		var all sync.WaitGroup
		for caller := range 64 {
			all.Go(func() {
				for n := uint64(0); flood.left.Load() > 0; n++ {
					began := time.Now()
					nonce := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, uint64(caller)), n)
					got, err := f.Call(t.Context(), conn, nonce)
					var said *ocall.HostError
					switch {
					case time.Since(began) > f.Timeout+long:
						t.Error("a call came back long after its deadline")
					case err == nil && bytes.Equal(got, nonce):
						atomic.AddUint64(&good, 1)
					case err == nil || got != nil:
						t.Errorf("%x was answered %x, %v", nonce, got, err)
						return
					case errors.Is(err, ocall.ErrClosed):
						return
					case errors.Is(err, ocall.ErrViolation), errors.Is(err, context.DeadlineExceeded), errors.As(err, &said):
						atomic.AddUint64(&bent, 1)
					default:
						t.Error(err)
						return
					}
				}
			})
		}
		all.Wait()
		conn.Close()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapAlloc)
	}
	t.Logf("%d calls answered, %d refused, at most %d MiB of heap", good, bent, most>>20)
	if good == 0 || bent == 0 {
		t.Error("the flood tried nothing")
	}
	if most > 64<<20 {
		t.Errorf("the heap grew to %d bytes", most)
	}
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
