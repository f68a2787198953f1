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
}

func (s *Session) newRound(conn *tls.Conn, self role, own *shown) (*round, error) {
	state := conn.ConnectionState()
	if state.Version != tls.VersionTLS13 || state.DidResume {
		return nil, fail(ErrUnsupported, "%s needs a full handshake of TLS 1.3", sessionProtocol)
	}
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
	r.out = greeting{r.self, r.mode, r.nonce}.frame().append(nil)
	if r.self == client {
		if err := r.send(); err != nil {
			return err
		}
	}
	body, err := r.receive(frameHello)
	if err != nil {
		return err
	}
	theirs, ok := parseGreeting(body)
	switch {
	case !ok:
		return r.refuse(reasonProtocol, fail(ErrMalformed, "the peer's greeting: %v", errFrame))
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
	b := binding{r.self, r.own, r.peer, r.peerNonce, r.exporter}
	quote, err := r.session.quote(ctx, b.reportData())
	if err != nil {
		return r.refuse(reasonQuote, err)
	}
	r.say(frame{frameEvidence, quote})
	return nil
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
	f, err := readFrame(r.conn)
	switch {
	case errors.Is(err, errVersion):
		return nil, r.refuse(reasonProtocol, fail(ErrUnsupported, "the peer: %v; use one version at both ends", err))
	case errors.Is(err, errFrame):
		return nil, r.refuse(reasonProtocol, fail(ErrMalformed, "the peer: %v", err))
	case err != nil:
		return nil, fmt.Errorf("attest: the peer has not finished %s: %w", sessionProtocol, err)
	case f.kind == frameRefused:
		return nil, fail(ErrRefused, "the peer says that %v", reason(f.body[0]))
	case f.kind != want:
		return nil, r.refuse(reasonProtocol, fail(ErrMalformed, "the peer left out a step of %s", sessionProtocol))
	}
	return f.body, nil
}

// refuseTimeout bounds the wait for a peer that does not listen.
const refuseTimeout = time.Second

// refuse lets the peer know, as far as that is possible, and returns err.
func (r *round) refuse(why reason, err error) error {
	r.conn.SetWriteDeadline(time.Now().Add(refuseTimeout))
	r.conn.Write(frame{frameRefused, []byte{byte(why)}}.append(r.out))
	return err
}
