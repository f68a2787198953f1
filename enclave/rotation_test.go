package enclave_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/enclave"
)

// journal is a log that can be read.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) count(what string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.text.String(), what)
}

func credentialsWith(t testing.TB, f *fake, o enclave.CredentialsOptions) *enclave.Credentials {
	t.Helper()
	c, err := enclave.NewCredentialsWith(context.Background(), open(t, f), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mustCertificate(t testing.TB, c *enclave.Credentials) *tls.Certificate {
	t.Helper()
	cert, err := c.Certificate(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// echo answers every byte of every connection with itself.
func echo(t testing.TB, config *tls.Config) (address string) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(conn, conn)
				conn.Close()
			}()
		}
	}()
	return l.Addr().String()
}

func ping(conn net.Conn) error {
	if _, err := conn.Write([]byte{1}); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, make([]byte, 1))
	return err
}

// TestG1_RenewedMidTraffic renews again and again while connections are in use
// and others are made: none is dropped, and none refused.
func TestG1_RenewedMidTraffic(t *testing.T) {
	c := credentials(t, newFake())
	address := echo(t, c.ServerTLS())
	var open []*tls.Conn
	serials := map[string]bool{}
	for range 20 {
		conn, err := tls.Dial("tcp", address, attested())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		open = append(open, conn)
		serials[conn.ConnectionState().PeerCertificates[0].SerialNumber.String()] = true
		var all sync.WaitGroup
		all.Go(func() {
			if err := c.Renew(t.Context()); err != nil {
				t.Error(err)
			}
		})
		for _, conn := range open {
			all.Go(func() {
				if err := ping(conn); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	if len(serials) != 20 {
		t.Errorf("%d certificates, want 20", len(serials))
	}
}

func TestG2_SourceClosed(t *testing.T) {
	f := newFake()
	c := credentials(t, f)
	address := echo(t, c.ServerTLS())
	conn, err := tls.Dial("tcp", address, attested())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := ping(conn); err != nil {
		t.Errorf("an open connection: %v", err)
	}
	if conn, err := tls.Dial("tcp", address, attested()); err == nil {
		conn.Close()
		t.Error("a handshake after Close")
	}
	if _, err := c.Certificate(t.Context()); !errors.Is(err, enclave.ErrClosed) {
		t.Errorf("a certificate after Close: %v", err)
	}
	if err := c.Renew(t.Context()); !errors.Is(err, enclave.ErrClosed) || !errors.Is(c.Err(), enclave.ErrClosed) {
		t.Errorf("a renewal after Close: %v, %v", err, c.Err())
	}
	if f.made() != 1 {
		t.Errorf("%d quotes", f.made())
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// TestG2_ClosedDuringARenewal has a renewal come back to nothing.
func TestG2_ClosedDuringARenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		c := credentials(t, f)
		f.set(func(f *fake) { f.wait = func(context.Context) { time.Sleep(time.Second) } })
		failed := make(chan error)
		go func() { failed <- c.Renew(context.Background()) }()
		synctest.Wait()
		c.Close()
		if err := <-failed; err == nil {
			t.Error("it has succeeded")
		}
		if _, err := c.Certificate(context.Background()); !errors.Is(err, enclave.ErrClosed) {
			t.Errorf("it has opened the credentials again: %v", err)
		}
	})
}

// TestG3_FailingIssuer keeps the old certificate until it ends, and then fails
// closed; the log says so, once, and nothing secret.
func TestG3_FailingIssuer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, j := newFake(), new(journal)
		c := credentialsWith(t, f, enclave.CredentialsOptions{Lifetime: time.Hour, Log: slog.New(slog.NewTextHandler(j, nil))})
		first := mustSerial(t, c)
		f.set(func(f *fake) { f.fail = errHost })
		for range 59 {
			time.Sleep(time.Minute)
			if s := mustSerial(t, c); s != first {
				t.Fatal("another certificate")
			}
			synctest.Wait()
		}
		if n := f.made() - 1; n < 10 || n > 25 || j.count("not renewed") != n {
			t.Errorf("tried %d times, said %d times", n, j.count("not renewed"))
		}
		time.Sleep(time.Minute)
		for range 5 {
			if _, err := serial(t, c); !errors.Is(err, errHost) {
				t.Errorf("after its end: %v", err)
			}
			synctest.Wait()
			c.Certificate(context.Background()) // within the pause: refused at once
		}
		if j.count("level=ERROR") != 1 {
			t.Errorf("said %d times that connections are refused:\n%s", j.count("level=ERROR"), &j.text)
		}
		f.set(func(f *fake) { f.fail = nil })
		time.Sleep(enclave.RetryAfter)
		if mustSerial(t, c) == first || c.Err() != nil {
			t.Error("it has not recovered")
		}
		if j.count("PRIVATE") != 0 {
			t.Error("the log has a key")
		}
	})
}

// TestG4_QuoteOfItsOwnKey has handshakes at every moment of many renewals,
// some of which fail or come late: the evidence in every certificate is for the
// key that the handshake proves.
func TestG4_QuoteOfItsOwnKey(t *testing.T) {
	f := newFake()
	c := credentials(t, f)
	var handshakes atomic.Int64
	var all sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		all.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				near, far := net.Pipe()
				go tls.Server(far, c.ServerTLS()).HandshakeContext(t.Context())
				if err := tls.Client(near, attested()).Handshake(); err != nil { // attested checks the evidence
					t.Error(err)
				}
				near.Close()
				handshakes.Add(1)
			}
		})
	}
	keys := map[string]bool{}
	for i := range 100 {
		f.set(func(f *fake) {
			if f.fail = nil; i%5 == 4 {
				f.fail = errHost
			}
		})
		c.Renew(t.Context())
		keys[string(mustCertificate(t, c).Leaf.RawSubjectPublicKeyInfo)] = true
	}
	close(done)
	all.Wait()
	if len(keys) != 80+1 && len(keys) != 80 || handshakes.Load() < 10 {
		t.Errorf("%d keys, %d handshakes", len(keys), handshakes.Load())
	}
}

func TestRenewIsNotARenewalUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		c := credentials(t, f)
		f.set(func(f *fake) { f.wait = func(context.Context) { time.Sleep(time.Second) } })
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() {
				if err := c.Renew(context.Background()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if f.made() != 3 {
			t.Errorf("%d quotes, want 3: each asked for after the reason to", f.made())
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		if err := c.Renew(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		time.Sleep(time.Minute)
	})
}

// TestCPUSVN has the CPU's security version change, up or down.
func TestCPUSVN(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, j := newFake(), new(journal)
		c := credentialsWith(t, f, enclave.CredentialsOptions{Log: slog.New(slog.NewTextHandler(j, nil))})
		first := mustSerial(t, c)
		for range 10 {
			time.Sleep(enclave.LookAfter)
			mustSerial(t, c)
			synctest.Wait()
		}
		if mustSerial(t, c) != first {
			t.Fatal("renewed although nothing has changed")
		}
		f.set(func(f *fake) { f.body.CPUSVN[3]++ })
		mustSerial(t, c)
		synctest.Wait()
		if f.made() != 1 {
			t.Error("looked at twice in a minute")
		}
		time.Sleep(enclave.LookAfter)
		if mustSerial(t, c) != first {
			t.Error("the handshake that noticed did not go on")
		}
		synctest.Wait()
		second := mustSerial(t, c)
		if second == first || f.made() != 2 || j.count("security version") != 1 {
			t.Errorf("not renewed: %d quotes, said %d times", f.made(), j.count("security version"))
		}
		time.Sleep(enclave.LookAfter)
		mustSerial(t, c)
		synctest.Wait()
		if mustSerial(t, c) != second {
			t.Error("renewed once more")
		}
		f.set(func(f *fake) { f.body.CPUSVN[3]++; f.bend = func([]byte) []byte { return nil } })
		time.Sleep(enclave.LookAfter)
		mustSerial(t, c)
		synctest.Wait()
		f.set(func(f *fake) { f.bend = nil })
		time.Sleep(enclave.RetryAfter)
		if mustSerial(t, c) != second {
			t.Error("renewed by nobody")
		}
		synctest.Wait()
		if mustSerial(t, c) == second {
			t.Error("a renewal that failed was not tried again")
		}
	})
}

func TestCredentialsOptions(t *testing.T) {
	p := open(t, newFake())
	for name, o := range map[string]enclave.CredentialsOptions{
		"too short":        {Lifetime: 14 * time.Minute},
		"too long":         {Lifetime: 31 * 24 * time.Hour},
		"negative":         {Lifetime: -time.Hour},
		"no dialect":       {Dialects: []attest.Dialect{}},
		"the zero dialect": {Dialects: []attest.Dialect{0}},
		"one twice":        {Dialects: []attest.Dialect{attest.DICE, attest.DICE}},
		"an RSA dialect":   {Dialects: []attest.Dialect{attest.RATSTLS}},
		"an old dialect":   {Dialects: []attest.Dialect{attest.Gramine}},
		"one extension":    {Dialects: []attest.Dialect{attest.EGo, attest.OpenEnclaveReport}},
	} {
		c, err := enclave.NewCredentialsWith(t.Context(), p, o)
		if err == nil || c != nil || errors.Is(err, enclave.ErrDialects) != (o.Dialects != nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, f := range map[string]func(*enclave.Credentials){
		"MutualTLS": func(c *enclave.Credentials) { c.MutualTLS(nil) },
		"ClientTLS": func(c *enclave.Credentials) { c.ClientTLS(nil) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s takes no verifier for any", name)
				}
			}()
			f(credentials(t, newFake()))
		}()
	}
	var zero enclave.Credentials
	if zero.Close() == nil || zero.Renew(t.Context()) == nil || zero.Err() == nil {
		t.Error("zero credentials do something")
	}
}
