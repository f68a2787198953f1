package ocall_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/ocall"
)

// large is a call whose requests and responses no socket takes at once.
var large = ocall.Func[[]byte, []byte]{Name: "large", Check: ocall.Unchecked[[]byte, []byte], MaxRequest: 4 << 20, MaxResponse: 4 << 20, Timeout: long}

// A host that knows which ids come next answers requests that it has not read.
// If it could, they would pile up.
func TestAnswersToUnreadRequests(t *testing.T) {
	hosts, end := make(chan host), make(chan bool)
	conn := hostile(t, ocall.Service{large}, func(h host) { hosts <- h; <-end })
	defer close(end)
	h := <-hosts
	failed := make(chan error)
	for uses := range uint32(20) {
		go func() {
			_, err := large.Call(t.Context(), conn, make([]byte, 4<<20))
			failed <- err
		}()
		until(t, "a call waits", func() bool { return ocall.Waiting(conn) == 1 })
		h.Write(asked{kind: kindAnswer, slot: 63, uses: uses}.bytes())
		switch err := <-failed; {
		case uses == 0 && err != nil:
			t.Fatal(err) // of its request, something was sent
		case errors.Is(err, ocall.ErrViolation):
			return
		}
	}
	t.Error("twenty requests were answered unread")
}

// full has conn want to write more than its socket takes.
func full(t *testing.T, conn *ocall.Conn) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	go large.Call(ctx, conn, make([]byte, 4<<20))
	for range 10000 {
		if ocall.Stuck(conn) {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("the socket takes everything")
}

// credit is what a host says of what it has received.
func (a asked) credit(n uint32) []byte {
	a.kind, a.length, a.body = kindCredit, 4, binary.LittleEndian.AppendUint32(nil, n)
	return a.bytes()
}

func (a asked) chunk(body []byte) []byte {
	a.kind, a.length, a.body = kindChunk, uint32(len(body)), body
	return a.bytes()
}

// A stream's window is for what the other half can have read.
func TestUnreadStreams(t *testing.T) {
	up := stream[int, []byte, []byte]("up")
	up.Timeout, up.Window, up.MaxUp, up.MaxDown = long, 64<<10, 30<<10, 30<<10
	chunk := make([]byte, 30<<10)
	const cost, unfair = 30<<10 + 64, -1
	type ends struct {
		conn *ocall.Conn
		flow *ocall.Flow[[]byte, []byte]
		host host
		head asked
	}
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	received := func(t *testing.T, e ends, chunks int) {
		for range chunks {
			e.host.Write(e.head.chunk(chunk))
		}
		for range chunks {
			_, err := e.flow.Receive()
			must(t, err)
		}
	}
	tests := map[string]struct {
		do     func(t *testing.T, e ends)
		chunks int // received, if all was fair
	}{
		"credit for what was read": {func(t *testing.T, e ends) {
			must(t, e.flow.Send(chunk))
			e.host.next()
			e.host.Write(e.head.credit(cost))
		}, 0},
		"credit twice": {func(t *testing.T, e ends) {
			must(t, e.flow.Send(chunk))
			e.host.next()
			e.host.Write(append(e.head.credit(cost), e.head.credit(1)...))
		}, unfair},
		"credit for what cannot have been read": {func(t *testing.T, e ends) {
			full(t, e.conn)
			must(t, e.flow.Send(chunk))
			e.host.Write(e.head.credit(cost))
		}, unfair},
		"chunks after credit that was read": {func(t *testing.T, e ends) {
			received(t, e, 2)
			if c := e.host.next(); c.kind != kindCredit {
				t.Fatal("no credit")
			}
			received(t, e, 1)
		}, 3},
		"chunks after credit that cannot have been read": {func(t *testing.T, e ends) {
			full(t, e.conn)
			received(t, e, 2)
			e.host.Write(e.head.chunk(chunk))
		}, unfair},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			hosts, end := make(chan host), make(chan bool)
			conn := hostile(t, ocall.Service{large, up}, func(h host) { hosts <- h; <-end })
			defer close(end)
			f, err := up.Open(t.Context(), conn, 0)
			must(t, err)
			e := ends{conn, f, <-hosts, asked{}}
			e.head = e.host.next()
			test.do(t, e)
			if test.chunks >= 0 {
				e.host.Write(e.head.answer(binary.LittleEndian.AppendUint64(nil, uint64(test.chunks))).bytes())
				if _, err = f.Receive(); err != io.EOF {
					t.Error(err)
				}
				return
			}
			if _, err := f.Receive(); !errors.Is(err, ocall.ErrViolation) || !errors.Is(conn.Err(), ocall.ErrViolation) {
				t.Error(err, conn.Err())
			}
		})
	}
}

// A trusted half that asks and never reads has the host half keep no more
// answers than calls in flight.
func TestUnreadAnswers(t *testing.T) {
	var mux ocall.Mux
	log := make(lines, 1)
	mux.Log = slog.New(slog.NewTextHandler(log, nil))
	answered := make(chan bool, 10)
	large.Handle(&mux, func(context.Context, []byte) ([]byte, error) {
		answered <- true
		return make([]byte, 4<<20), nil
	})
	s := ocall.Service{large}
	l, cancel, served := serve(t, &mux, s)
	nc, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	nc.Write(helloOf(s))
	h := host{t, nc}
	h.next()
	ask := func(uses uint32) { nc.Write(asked{kind: kindRequest, uses: uses}.bytes()) }
	ask(0)
	h.read(16) // its answer is being sent
	ask(1)
	for range 2 {
		<-answered
	}
	time.Sleep(20 * time.Millisecond) // this one waits
	ask(2)
	select {
	case line := <-log:
		if !strings.Contains(line, "an id used") { // before its last answer was sent, or was made
			t.Errorf("log: %q", line)
		}
	case <-time.After(long):
		t.Error("three answers were left unread")
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// lines are those of a log.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}

// A host that greets and hangs up is not dialled without end.
func TestRedialBacksOff(t *testing.T) {
	l := listen(t)
	dials := make(chan bool, 1000)
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			dials <- true
			nc.Write(helloOf(Service))
			io.ReadFull(nc, make([]byte, 64))
			nc.Close()
		}
	}()
	d := ocall.Dialer{Reconnect: ocall.Retry, Connect: func(ctx context.Context) (net.Conn, error) { return net.Dial("unix", l.Addr().String()) }}
	conn, err := d.Dial(t.Context(), Service)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	for ctx.Err() == nil {
		Stat.Call(ctx, conn, "a")
	}
	if n := len(dials); n > 12 {
		t.Errorf("dialled %d times in half a second", n)
	}
}
