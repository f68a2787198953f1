package bounds_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/examples/attestedhttp/bounds"
)

// patient bounds every wait for something that has to come.
const patient = 30 * time.Second

// place is a server with room for three. Who asks for /slow is answered until
// the connection has ended, and who asks for /stuck until the test has.
type place struct {
	t       *testing.T
	address string
	asking  chan struct{} // one for each that either has begun to answer
	idle    chan struct{} // one for each that may ask again
	most    atomic.Int64
}

const room = 3

func newPlace(t *testing.T, wrap func(net.Listener) net.Listener) *place {
	t.Helper()
	p := &place{t: t, asking: make(chan struct{}, 2000), idle: make(chan struct{}, 2000)}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) {
		p.asking <- struct{}{}
		<-r.Context().Done()
	})
	mux.HandleFunc("/stuck", func(http.ResponseWriter, *http.Request) {
		p.asking <- struct{}{}
		<-t.Context().Done()
	})
	s := bounds.Server(room, mux, func(string) {})
	follow, here := s.ConnState, int64(0)
	var mu sync.Mutex
	s.ConnState = func(c net.Conn, now http.ConnState) {
		if now == http.StateClosed {
			mu.Lock()
			here--
			mu.Unlock()
		}
		follow(c, now)
		if now == http.StateIdle {
			p.idle <- struct{}{}
		}
		if now == http.StateNew {
			mu.Lock()
			here++
			p.most.Store(max(p.most.Load(), here))
			mu.Unlock()
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.address = l.Addr().String()
	go s.Serve(wrap(l))
	t.Cleanup(func() { s.Close() })
	return p
}

func plain(l net.Listener) net.Listener { return l }

// comes connects, and says something or nothing.
func (p *place) comes(says string) net.Conn {
	p.t.Helper()
	c, err := net.Dial("tcp", p.address)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patient))
	fmt.Fprint(c, says)
	return c
}

func (p *place) answered(c net.Conn) {
	p.t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		p.t.Fatalf("not answered: %v", err)
	}
	response.Body.Close()
	<-p.idle
}

// asks is answered, and stays connected.
func (p *place) asks() net.Conn {
	p.t.Helper()
	c := p.comes(quick)
	p.answered(c)
	return c
}

const (
	quick   = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	slow    = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"
	stuck   = "GET /stuck HTTP/1.1\r\nHost: a\r\n\r\n"
	partial = "GET / HTTP/1.1\r\nHost:"
)

// gone is which of them the server has hung up on, without a word. It is asked
// when somebody has been let in for somebody else.
func (p *place) gone(all []net.Conn) (which int) {
	p.t.Helper()
	ended := make(chan int, len(all))
	for i, c := range all {
		go func() {
			if n, _ := c.Read(make([]byte, 1)); n > 0 {
				p.t.Error("something was said to who had to go")
			}
			ended <- i
		}()
	}
	which = <-ended
	for _, c := range all {
		c.SetDeadline(time.Now())
	}
	return which
}

// Who comes when it is full is answered, and the right one goes for it.
func TestWhoGoes(t *testing.T) {
	for name, c := range map[string]struct {
		fill func(*place) []net.Conn
		goes int
	}{
		"the first of the silent": {func(p *place) []net.Conn {
			return []net.Conn{p.comes(""), p.comes(""), p.comes("")}
		}, 0},
		"the first of the idle": {func(p *place) []net.Conn {
			return []net.Conn{p.asks(), p.asks(), p.asks()}
		}, 0},
		"not who has asked again": {func(p *place) []net.Conn {
			all := []net.Conn{p.asks(), p.asks(), p.asks()}
			fmt.Fprint(all[0], quick)
			p.answered(all[0])
			return all
		}, 1},
		"who says half a header, before those who wait for an answer": {func(p *place) []net.Conn {
			all := []net.Conn{p.comes(slow), p.comes(slow)}
			<-p.asking
			<-p.asking
			return append(all, p.comes(partial))
		}, 2},
		"the first of those who wait for an answer": {func(p *place) (all []net.Conn) {
			for range room {
				all = append(all, p.comes(slow))
				<-p.asking
			}
			return all
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t, plain)
			all := c.fill(p)
			p.asks()
			if which := p.gone(all); which != c.goes {
				t.Errorf("%d has gone, not %d", which, c.goes)
			}
		})
	}
}

// Below TLS it is the same, without a word to those who go.
func TestWhoGoesBelowTLS(t *testing.T) {
	for _, finished := range []bool{false, true} {
		other := httptest.NewTLSServer(nil) // for its certificate
		defer other.Close()
		p := newPlace(t, func(l net.Listener) net.Listener { return tls.NewListener(l, other.TLS) })
		secure := func() net.Conn {
			below := p.comes("")
			c := tls.Client(below, &tls.Config{InsecureSkipVerify: true})
			fmt.Fprint(c, quick)
			p.answered(c)
			return below
		}
		var all []net.Conn
		for range room {
			if finished {
				all = append(all, secure())
			} else {
				all = append(all, p.comes(""))
			}
		}
		secure()
		if which := p.gone(all); which != 0 {
			t.Errorf("finished %t: %d has gone", finished, which)
		}
	}
}

// One whose answer does not end when it is told to go keeps its place, and is
// not the only one who is told.
func TestWhoDoesNotGo(t *testing.T) {
	p := newPlace(t, plain)
	all := []net.Conn{p.comes(stuck)}
	<-p.asking
	for range room - 1 {
		all = append(all, p.comes(slow))
		<-p.asking
	}
	p.comes(slow) // for whom the first is told
	if _, err := all[0].Read(make([]byte, 1)); err == nil {
		t.Error("it was answered")
	}
	all[1].Close() // which is what makes room
	<-p.asking
	p.asks() // for whom another has to go
}

// However many come at once, and whatever they say, there are no more than may
// be, and in the end there is room.
func TestNeverMore(t *testing.T) {
	p := newPlace(t, plain)
	p.comes("nonsense\r\n\r\n") // for which net/http takes half a second
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			for n := range 50 {
				c, err := net.Dial("tcp", p.address)
				if err != nil {
					t.Error(err)
					return
				}
				fmt.Fprint(c, []string{"", quick, slow, partial}[(i+n)%4])
				c.SetDeadline(time.Now().Add(time.Duration(n%3) * time.Millisecond))
				c.Read(make([]byte, 1))
				c.Close()
			}
		})
	}
	all.Wait()
	p.asks()
	if n := p.most.Load(); n > room || n < 2 {
		t.Errorf("%d at once", n)
	}
}

// Where nobody else comes, who is silent is waited for as long as the server
// says, and no longer, be it for the first header or for the next.
func TestSilence(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for as long as a server does")
	}
	for name, says := range map[string]string{"first": "", "half": partial, "next": quick} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, plain)
			began, c := time.Now(), p.comes(says)
			if _, err := io.Copy(io.Discard, c); err != nil {
				t.Fatal(err)
			}
			if whole := bounds.Server(1, nil, nil).ReadTimeout; time.Since(began) >= whole {
				t.Errorf("%v, as long as a whole request may take", time.Since(began))
			}
		})
	}
}
