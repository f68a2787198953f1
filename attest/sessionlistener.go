package attest

import (
	"context"
	"net"
	"sync"
	"time"
)

// Listener has every connection of another listener prove what its Session
// demands, many at once, and hands on those that have. It is made by
// [Session.Listener], and is safe for concurrent use.
type Listener struct {
	inner   net.Listener
	session *Session
	slots   chan struct{} // has one for each connection that has not been handed on
	ready   chan accepted
	lobby   lobby
	begin   sync.Once
	ctx     context.Context
	close   context.CancelFunc
}

// accepted is what Accept returns.
type accepted struct {
	conn *Conn
	err  error
}

var _ net.Listener = (*Listener)(nil)

// Listener returns a listener of the session's over l. It panics if the Session
// cannot be a server's: what it would refuse then is every client.
//
// What it refuses is closed, and told to [Session.Log]; Accept returns only the
// errors of l.
func (s *Session) Listener(l net.Listener) *Listener {
	if _, err := s.serverConfig(new(shown)); err != nil {
		panic(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Listener{
		inner:   l,
		session: s,
		slots:   make(chan struct{}, positive(s.MaxPending, sessionPending)),
		ready:   make(chan accepted),
		ctx:     ctx,
		close:   cancel,
	}
}

// Accept returns the next connection whose peer has been accepted, a
// [*tls.Conn]: so that an http.Server speaks HTTP/2 on it and sets Request.TLS,
// by which [Session.Report] finds what the peer has proved.
func (l *Listener) Accept() (net.Conn, error) {
	conn, err := l.AcceptSession()
	if err != nil {
		return nil, err
	}
	return conn.Conn, nil
}

// AcceptSession is Accept with the peer's report at hand.
func (l *Listener) AcceptSession() (*Conn, error) {
	l.begin.Do(func() { go l.run() })
	select {
	case next := <-l.ready:
		return next.conn, next.err
	case <-l.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Close closes the inner listener, and what has not been handed on.
func (l *Listener) Close() error {
	l.close()
	return l.inner.Close()
}

// Addr is that of the inner listener.
func (l *Listener) Addr() net.Addr { return l.inner.Addr() }

func (l *Listener) run() {
	for l.ctx.Err() == nil {
		conn, err := l.inner.Accept()
		if err != nil {
			l.hand(accepted{err: err})
			continue
		}
		if !l.makeRoom() {
			conn.Close()
			return
		}
		go l.serve(l.lobby.enter(l.ctx), conn)
	}
}

// makeRoom takes a slot. While there is none, it closes what has been silent
// for too long, the oldest first, so that connections that say nothing do not
// keep out those that do.
func (l *Listener) makeRoom() bool {
	for {
		select {
		case l.slots <- struct{}{}:
			return true
		case <-l.ctx.Done():
			return false
		case <-time.After(l.lobby.clear()):
		}
	}
}

func (l *Listener) serve(v *visitor, inner net.Conn) {
	defer func() { <-l.slots }()
	defer v.close(nil)
	defer l.lobby.leave(v)
	conn, err := l.session.server(v.ctx, inner, func() { l.lobby.leave(v) })
	if err != nil {
		l.report(inner.RemoteAddr(), err)
		return
	}
	l.hand(accepted{conn: conn})
}

func (l *Listener) hand(next accepted) {
	select {
	case l.ready <- next:
	case <-l.ctx.Done():
		if next.conn != nil {
			next.conn.NetConn().Close()
		}
	}
}

func (l *Listener) report(peer net.Addr, err error) {
	if l.session.Log != nil && l.ctx.Err() == nil {
		l.session.Log.Warn("attest: connection refused", "peer", peer.String(), "error", err)
	}
}
