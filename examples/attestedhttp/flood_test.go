package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// strangers are so many who connect, and again as soon as they are hung up on,
// until the test ends.
type strangers struct {
	connected atomic.Int64 // how often one has
}

// stays is what a stranger does with a connection until that ends. It says when
// it is as far as it wants to be.
type stays func(ctx context.Context, c net.Conn, there func())

func newStrangers(t *testing.T, n int, address string, do stays) *strangers {
	t.Helper()
	s := new(strangers)
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for ctx.Err() == nil {
				s.stay(ctx, address, do)
			}
		})
	}
	t.Cleanup(func() { stop(); all.Wait() })
	return s
}

func (s *strangers) stay(ctx context.Context, address string, do stays) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return
	}
	defer context.AfterFunc(ctx, func() { c.Close() })()
	defer c.Close()
	do(ctx, c, func() { s.connected.Add(1) })
}

// silent says nothing.
func silent(_ context.Context, c net.Conn, there func()) {
	there()
	io.Copy(io.Discard, c)
}

// idle is answered, and asks again before it has been silent for too long.
func idle(ctx context.Context, c net.Conn, there func()) {
	secure := tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	for {
		if _, err := fmt.Fprint(secure, "POST /answer HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"); err != nil {
			return
		}
		if _, err := secure.Read(make([]byte, 1<<10)); err != nil {
			return
		}
		there()
		sleep(ctx, 2*time.Second)
	}
}

// probed is what a kubelet does, with the patience that the manifest gives it.
func probed(address, page string) (int, string, error) {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get("http://" + address + page)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

// However many strangers hold connections on which nothing is said, every probe
// is answered, and no more than so many are served at once.
func TestStatusWhileStrangersConnect(t *testing.T) {
	log := new(transcript)
	s, err := serveStatus(settings{status: "127.0.0.1:0"}, &state{metrics: newMetrics()}, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const many, slack = 3 * maxStatus, 100 // slack for what other tests leave, and take with them
	before := descriptors(t, os.Getpid())
	silent := newStrangers(t, many, s.address, silent)
	await(t, "that it is more than full", func() bool { return silent.connected.Load() >= many })
	for n := range 20 {
		if status, text, err := probed(s.address, "/healthz"); status != http.StatusOK || text != "ok\n" || err != nil {
			t.Fatalf("probe %d: %d, %q, %v", n, status, text, err)
		}
		if n := descriptors(t, os.Getpid()) - before - many; n > maxStatus+slack {
			t.Fatalf("%d are served at once", n)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if n := silent.connected.Load(); n <= many {
		t.Error("nobody had to come again")
	}
	if n := strings.Count(log.String(), "\n"); n > 1 {
		t.Errorf("%d lines in the log", n)
	}
}

// A connection is for one request.
func TestStatusKeepsNoConnection(t *testing.T) {
	s, err := serveStatus(settings{status: "127.0.0.1:0"}, &state{metrics: newMetrics()}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	response, err := http.Get("http://" + s.address + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if !response.Close {
		t.Error("it is kept")
	}
}

// Strangers who fill the trusted half's port, by saying nothing or by asking
// once and staying, keep nobody out: it is ready, and answers others.
func TestStrangers(t *testing.T) {
	s := newScene(t)
	s.start()
	if status, _, err := s.do(s.client(s.owner), "PUT", "/value", value); status != http.StatusNoContent || err != nil {
		t.Fatalf("%d, %v", status, err)
	}
	const most = 256
	trusted := running(filepath.Join(filepath.Dir(s.settings.file), "attestedhttp-trusted"))[0]
	before := descriptors(t, trusted)
	for _, c := range []struct {
		name string
		many int
		do   stays
	}{
		{"idle", most, idle},
		{"silent", 6 * most, silent},
	} {
		t.Run(c.name, func(t *testing.T) {
			strangers := newStrangers(t, c.many, s.settings.listen, c.do)
			await(t, "that it is full", func() bool {
				return strangers.connected.Load() >= int64(c.many) && descriptors(t, trusted) >= before+most*9/10
			})
			for n := range 20 {
				if status, text, err := probed(s.settings.status, "/readyz"); status != http.StatusOK || err != nil {
					t.Fatalf("probe %d: %d, %q, %v", n, status, text, err)
				}
				if n := descriptors(t, trusted) - before; n > most+20 {
					t.Fatalf("%d are served at once", n)
				}
			}
			await(t, "an answer", func() bool {
				status, text, err := s.do(s.client(), "POST", "/answer", "hello")
				if err == nil && (status != http.StatusOK || text != answer("hello")) {
					t.Errorf("%d, %q", status, text)
				}
				return err == nil
			})
		})
	}
	if n := strings.Count(s.log.String(), "TLS handshake error"); n > 1 {
		t.Errorf("%d lines in the log", n)
	}
}
