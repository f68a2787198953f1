package attest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"
)

// Quoter is an enclave that can have report data of a protocol's choice
// quoted: an [enclave.Platform], for a trusted half.
//
// [enclave.Platform]: https://pkg.go.dev/github.com/cleave-sdk/cleave/enclave#Platform
type Quoter interface {
	// RawQuote returns a quote of 1020 bytes to 16 KiB with exactly this
	// report data. It may take seconds, and ignore that ctx has ended.
	RawQuote(ctx context.Context, reportData [64]byte) ([]byte, error)
}

// ErrRefused is that the peer did not accept this end: its policy, its mode or
// its enclave. What it said is one of a few codes, and not to be relied on.
var ErrRefused = errors.New("refused by the peer")

// Session has connections prove, each for itself, which enclave they end in.
//
//	session := &attest.Session{Peer: v}                              // a client of an enclave
//	session := &attest.Session{Self: p, AnyPeer: true, TLS: config}  // an enclave that anybody may use
//	session := &attest.Session{Self: p, Peer: v, TLS: config}        // enclaves among themselves
//
// After the TLS handshake, and before any byte of the application, the ends
// exchange nonces and quotes over the connection. Each quote names the end that
// made it, both ends' public keys, the other's nonce, and a secret that only
// the two ends of this connection have in common (RFC 5705 and RFC 8446, 7.5).
// It was therefore made for this connection, after it began, and is of no use
// in any other; [Verifier.TLSConfig], with evidence in the certificate, cannot
// promise that. SESSION.md beside this file has the format.
//
// Both ends must be set up alike, and neither falls back: a peer that proves
// less, more or nothing is refused. The first read on a connection is what its
// peer said after it had accepted this end.
//
// A Session is safe for concurrent use, must not be copied after its first use,
// and is not changed by use.
type Session struct {
	// Peer is what the other end must prove. It is required, unless AnyPeer.
	Peer *Verifier
	// AnyPeer accepts peers that prove nothing, and no others: Peer must be nil,
	// and Self must not. A client that accepts any server relies on TLS alone
	// for who that is.
	AnyPeer bool
	// Self is the enclave this end proves to be. If nil, this end proves
	// nothing, and the other must accept that.
	Self Quoter
	// TLS is the configuration of the handshake. Its certificates may be of any
	// kind, attested or not, and so may be the way in which it verifies the
	// peer's: that comes in addition. NextProtos apply. TLS 1.3 and full
	// handshakes are required whatever it says, and records are not kept small.
	//
	// If nil, a server is refused, for it has no certificate. A client that has
	// a Peer takes any certificate, which the proof then binds; one with
	// AnyPeer verifies as crypto/tls does by itself. ServerName is that of the
	// address if empty.
	TLS *tls.Config
	// Timeout bounds the handshake and the proofs together. If 0, 30 seconds.
	Timeout time.Duration
	// MaxQuotes is how many quotes are made at once. Up to 16 times as many
	// wait, within their Timeout, and more are refused at once. If 0, 4: quoting
	// enclaves make one at a time.
	MaxQuotes int
	// MaxPending is how many connections a listener has that are not proved
	// yet. For more, it closes the oldest that has not finished its
	// handshake within 3 seconds, and leaves them to the operating system as long
	// as there is none. If 0, 1024.
	MaxPending int
	// Log is told which connections a listener has refused, and why. If nil,
	// nobody is. In an enclave, remember that the host may read it.
	Log *slog.Logger

	quotes quotes
	peers  peers
}

const (
	sessionTimeout = 30 * time.Second
	// beginTimeout bounds a server's wait for a client that it knows nothing of.
	beginTimeout     = 10 * time.Second
	sessionQuotes    = 4
	sessionPending   = 1024
	sessionProtocol  = "session-bound attestation"
	configureSession = "attest: session: "
)

var (
	errNobody  = errors.New(configureSession + "neither end proves anything: set Peer, or Self, or use crypto/tls")
	errNoPeer  = errors.New(configureSession + "Peer is nil: set it to what the other end must prove, or AnyPeer")
	errAnyPeer = errors.New(configureSession + "AnyPeer beside Peer: choose one")
)

// check finds what cannot be meant.
func (s *Session) check() error {
	switch {
	case s.Peer != nil && s.AnyPeer:
		return errAnyPeer
	case s.Peer == nil && !s.AnyPeer:
		return errNoPeer
	case s.Peer == nil && s.Self == nil:
		return errNobody
	}
	return nil
}

// Dial connects to a server and returns the connection once both ends have
// accepted each other.
func (s *Session) Dial(ctx context.Context, network, address string) (*Conn, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout())
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return s.Client(ctx, conn, hostOf(address))
}

// Client makes conn, a new connection to a server, the client's end. Name is
// the server's, for a TLS configuration that has none. After an error conn is
// closed. Deadlines on conn are replaced, and cleared at the end: use ctx, and
// set them again afterwards.
func (s *Session) Client(ctx context.Context, conn net.Conn, name string) (*Conn, error) {
	var shown shown
	config, err := s.clientConfig(name, &shown)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return s.establish(ctx, tls.Client(conn, config), client, &shown, func() {})
}

// Server makes conn, a new connection from a client, the server's end. After
// an error conn is closed. Deadlines on conn are replaced, and cleared at the
// end: use ctx, and set them again afterwards.
//
// How many connections it serves at once is up to the caller;
// [Session.Listener] bounds them.
func (s *Session) Server(ctx context.Context, conn net.Conn) (*Conn, error) {
	return s.server(ctx, conn, func() {})
}

// server calls begun when the client has said what it wants.
func (s *Session) server(ctx context.Context, conn net.Conn, begun func()) (*Conn, error) {
	var shown shown
	config, err := s.serverConfig(&shown)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return s.establish(ctx, tls.Server(conn, config), server, &shown, begun)
}

// establish makes the handshake and the round. Nothing of it outlasts ctx but
// a quote that cannot be interrupted, for which nobody waits.
func (s *Session) establish(ctx context.Context, conn *tls.Conn, self role, own *shown, begun func()) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout())
	defer cancel()
	var report *Report
	r, err := s.begin(ctx, conn, self, own)
	if err == nil {
		begun()
		err = interrupted(ctx, within(ctx, conn, func() (err error) {
			report, err = r.run(ctx)
			return err
		}))
	}
	if err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil {
		conn.NetConn().Close()
		return nil, err
	}
	if report != nil {
		s.peers.add(conn, r.exporter, report)
	}
	return &Conn{conn, report}, nil
}

// begin makes the handshake and exchanges greetings. A server waits less long
// for that: it knows nothing of the client, and has done nothing yet.
func (s *Session) begin(ctx context.Context, conn *tls.Conn, self role, own *shown) (r *round, err error) {
	if self == server {
		short, cancel := context.WithTimeout(ctx, beginTimeout)
		defer cancel()
		ctx = short
	}
	err = within(ctx, conn, func() (err error) {
		if err = conn.HandshakeContext(ctx); err != nil {
			return err
		}
		if r, err = s.newRound(conn, self, own); err != nil {
			return err
		}
		return r.greet()
	})
	return r, interrupted(ctx, err)
}

// within has whatever f waits for on conn fail when ctx ends.
func within(ctx context.Context, conn *tls.Conn, f func() error) error {
	stop := context.AfterFunc(ctx, func() { conn.NetConn().SetDeadline(past) })
	err := f()
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	return err
}

// past is a deadline that has passed.
var past = time.Unix(1, 0)

// interrupted is err, or why ctx ended if that is what a wait ended by.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() == nil || err != ctx.Err() && !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return fmt.Errorf("attest: the peer has not finished %s: %w", sessionProtocol, context.Cause(ctx))
}

func (s *Session) timeout() time.Duration { return positive(s.Timeout, sessionTimeout) }

// positive is n, or what stands for zero.
func positive[T int | time.Duration](n, otherwise T) T {
	if n <= 0 {
		return otherwise
	}
	return n
}

func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return host
}

// Conn is a connection both ends of which have accepted each other.
type Conn struct {
	// Conn is the connection. Its ConnectionState is what the handshake has
	// proved: by which certificate, of which name if that was verified, and that
	// the peer has its key. It says nothing of enclaves.
	*tls.Conn
	report *Report
}

// Report is what the round after the handshake has proved of the peer: that
// this very connection ends in the enclave. It is nil if the Session has
// AnyPeer.
func (c *Conn) Report() *Report { return c.report }
