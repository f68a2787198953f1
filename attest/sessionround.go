package attest

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"time"
)

// A round is what one end says and hears between the handshake and the
// application. The ends speak in turn, so that it needs no buffers between
// them:
//
//	client  hello
//	server  hello, and if the client proves nothing: evidence, accepted
//	client  evidence
//	server  evidence, accepted
//	client  accepted
type round struct {
	session   *Session
	conn      *tls.Conn
	self      role
	mode      mode
	own       []byte
	peer      []byte
	exporter  [exporterSize]byte
	nonce     [nonceSize]byte // for the peer's quote
	peerNonce [nonceSize]byte // for this end's
	out       []byte          // said, and not yet sent
	ahead     chan heard      // what the peer says next, if it is being read
}

// heard is what the peer has said, or why it has not.
type heard struct {
	frame frame
	err   error
}

func (s *Session) newRound(conn *tls.Conn, self role, own *shown) (*round, error) {
	state := conn.ConnectionState()
	e, err := exporter(&state)
	if err != nil {
		return nil, err
	}
	r := &round{session: s, conn: conn, self: self, mode: s.mode(self), own: own.spki, exporter: e}
	if len(state.PeerCertificates) > 0 {
		if n := len(state.PeerCertificates[0].Raw); n > maxCertificateSize {
			return nil, fail(ErrMalformed, "the peer's certificate has %d bytes, more than %d", n, maxCertificateSize)
		}
		r.peer = state.PeerCertificates[0].RawSubjectPublicKeyInfo
	}
	if _, err := rand.Read(r.nonce[:]); err != nil {
		return nil, err
	}
	return r, nil
}

// greet exchanges nonces, and finds out whether both ends are set up alike.
func (r *round) greet() error {
	hello := greeting{r.self, r.mode, r.nonce}.frame()
	if r.self == client {
		r.say(hello)
	}
	body, err := r.receive(frameHello)
	if err != nil {
		return err
	}
	if r.self == server {
		r.say(hello)
	}
	theirs, ok := parseGreeting(body)
	switch {
	case !ok:
		return r.refuse(reasonProtocol, misspoken("the peer's greeting: %v", errFrame))
	case theirs.role != r.self.other() || theirs.nonce == r.nonce:
		return r.refuse(reasonProtocol, fail(ErrForged, "the peer says back what this end has said"))
	case theirs.mode != r.mode:
		return r.refuse(reasonMode, fail(ErrUnsupported, "to the peer it is a connection in which %v, here one in which %v; set up both ends alike", theirs.mode, r.mode))
	}
	r.peerNonce = theirs.nonce
	return nil
}

// run has both ends prove what they must. Nothing is quoted for a client that
// has to prove something first.
func (r *round) run(ctx context.Context) (*Report, error) {
	if r.self == client {
		return r.runClient(ctx)
	}
	report, err := r.judge(ctx)
	if err == nil {
		err = r.prove(ctx)
	}
	if err == nil {
		r.say(frame{kind: frameAccepted})
		_, err = r.receive(frameAccepted)
	}
	if err != nil {
		return nil, err
	}
	return report, nil
}

func (r *round) runClient(ctx context.Context) (*Report, error) {
	if err := r.prove(ctx); err != nil {
		return nil, err
	}
	report, err := r.judge(ctx)
	if err == nil {
		_, err = r.receive(frameAccepted)
	}
	if err == nil {
		r.say(frame{kind: frameAccepted})
		err = r.send()
	}
	if err != nil {
		return nil, err
	}
	return report, nil
}

// prove says this end's evidence, if it is to have any.
func (r *round) prove(ctx context.Context) error {
	if !r.mode.has(r.self) {
		return nil
	}
	quote, err := r.quote(ctx)
	if err != nil {
		return err
	}
	r.say(frame{frameEvidence, quote})
	return nil
}

// quote has this end's quote made for as long as the peer waits for it. Until
// then the peer has nothing to say but that it refuses: whatever is heard, be
// it that the connection has ended, calls the quote off.
func (r *round) quote(all context.Context) ([]byte, error) {
	ctx, cancel := context.WithCancel(all)
	defer cancel()
	ahead := make(chan heard, 1)
	r.ahead = ahead
	go func() {
		f, err := readFrame(r.conn)
		ahead <- heard{f, err}
		if all.Err() == nil { // else that is why nothing was heard
			cancel()
		}
	}()
	b := binding{r.self, r.own, r.peer, r.peerNonce, r.exporter}
	quote, err := r.session.quote(ctx, b.reportData())
	select {
	case early := <-ahead:
		if err == nil || all.Err() == nil {
			return nil, r.check(early, frameRefused)
		}
	default:
	}
	if err != nil {
		return nil, r.refuse(reasonQuote, err)
	}
	return quote, nil
}

// judge verifies the peer's evidence, if it is to have any. What the quote
// must carry comes from this end of the connection alone, and Verify compares
// it with the quote's own bytes.
func (r *round) judge(ctx context.Context) (*Report, error) {
	other := r.self.other()
	if !r.mode.has(other) {
		return nil, nil
	}
	quote, err := r.receive(frameEvidence)
	if err != nil {
		return nil, err
	}
	b := binding{other, r.peer, r.own, r.nonce, r.exporter}
	report, err := r.session.Peer.Verify(ctx, quote, b.reportData())
	if err != nil {
		return nil, r.refuse(reasonEvidence, err)
	}
	return report, nil
}

func (r *round) say(f frame) { r.out = f.append(r.out) }

func (r *round) send() error {
	out := r.out
	r.out = nil
	if len(out) == 0 {
		return nil
	}
	if _, err := r.conn.Write(out); err != nil {
		return fmt.Errorf("attest: %s: %w", sessionProtocol, err)
	}
	return nil
}

// receive sends what has been said, and returns the body of the one frame that
// may come now.
func (r *round) receive(want frameKind) ([]byte, error) {
	if err := r.send(); err != nil {
		return nil, err
	}
	next := r.next()
	if err := r.check(next, want); err != nil {
		return nil, err
	}
	return next.frame.body, nil
}

func (r *round) next() heard {
	if r.ahead != nil {
		next := <-r.ahead
		r.ahead = nil
		return next
	}
	f, err := readFrame(r.conn)
	return heard{f, err}
}

// check refuses all but the one kind of frame, and frameRefused in any case.
func (r *round) check(h heard, want frameKind) error {
	switch {
	case errors.Is(h.err, errVersion):
		return r.refuse(reasonProtocol, fail(ErrUnsupported, "the peer: %v; use one version at both ends", h.err))
	case errors.Is(h.err, errFrame):
		return r.refuse(reasonProtocol, misspoken("the peer: %v", h.err))
	case h.err != nil:
		return fmt.Errorf("attest: the peer has not finished %s: %w", sessionProtocol, h.err)
	case h.frame.kind == frameRefused:
		return fail(ErrRefused, "the peer says that %v", reason(h.frame.body[0]))
	case h.frame.kind != want:
		return r.refuse(reasonProtocol, misspoken("the peer left out a step of %s", sessionProtocol))
	}
	return nil
}

// misspoken is ErrMalformed with other advice: to say it again does not help.
func misspoken(format string, args ...any) error {
	const advice = "; connect with TLSConfig if the peer has evidence in its certificate, or have its operator use a Session"
	return &failure{kind: ErrMalformed, text: fmt.Sprintf(format, args...) + advice}
}

// refuseTimeout bounds the wait for a peer that does not listen.
const refuseTimeout = time.Second

// refuse lets the peer know, as far as that is possible, and returns err.
func (r *round) refuse(why reason, err error) error {
	r.conn.SetWriteDeadline(time.Now().Add(refuseTimeout))
	r.conn.Write(frame{frameRefused, []byte{byte(why)}}.append(r.out))
	return err
}
