package attest_test

import (
	"crypto/rand"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"testing"
)

// This is the protocol once more, by SESSION.md alone: an end that can say what
// it likes.

const (
	asClient, asServer = 1, 2

	sayHello, sayEvidence, sayAccepted, sayRefused = 1, 2, 3, 4
)

func rawFrame(kind byte, body []byte) []byte {
	b := []byte{'C', 'S', 'B', 1, kind, 0}
	b = binary.LittleEndian.AppendUint16(b, uint16(len(body)))
	return append(b, body...)
}

// terms are what a quote binds.
type terms struct {
	tag       string
	role      byte
	own, peer []byte
	nonce     []byte
	exporter  []byte
}

func (b terms) data() [64]byte {
	var all []byte
	all = append(all, b.tag...)
	all = append(all, b.role)
	all = binary.LittleEndian.AppendUint64(all, uint64(len(b.own)))
	all = append(all, b.own...)
	all = binary.LittleEndian.AppendUint64(all, uint64(len(b.peer)))
	all = append(all, b.peer...)
	all = append(all, b.nonce...)
	return sha512.Sum512(append(all, b.exporter...))
}

// rawEnd is an end after its handshake.
type rawEnd struct {
	t     testing.TB
	conn  *tls.Conn
	role  byte
	mode  byte
	terms // what its own evidence should bind
	mine  []byte
}

// newRawEnd makes the handshake. The certificate is the one that it shows.
func newRawEnd(t testing.TB, conn net.Conn, role, mode byte, config *tls.Config, spki []byte) (*rawEnd, error) {
	e := &rawEnd{t: t, role: role, mode: mode, mine: make([]byte, 32)}
	rand.Read(e.mine)
	if role == asClient {
		e.conn = tls.Client(conn, config)
	} else {
		e.conn = tls.Server(conn, config)
	}
	if err := e.conn.Handshake(); err != nil {
		return nil, err
	}
	state := e.conn.ConnectionState()
	e.terms = terms{tag: "cleave session-bound quote v1\x00", role: role, own: spki}
	if len(state.PeerCertificates) > 0 {
		e.peer = state.PeerCertificates[0].RawSubjectPublicKeyInfo
	}
	var err error
	e.exporter, err = state.ExportKeyingMaterial("EXPORTER-Cleave-session-bound-v1", nil, 32)
	return e, err
}

func (e *rawEnd) say(kind byte, body []byte) { e.conn.Write(rawFrame(kind, body)) }

func (e *rawEnd) sayHello() { e.say(sayHello, append([]byte{e.role, e.mode}, e.mine...)) }

// hear returns what the other end says next; kind is 0 if nothing.
func (e *rawEnd) hear() (kind byte, body []byte) {
	head := make([]byte, 8)
	if _, err := io.ReadFull(e.conn, head); err != nil {
		return 0, nil
	}
	body = make([]byte, binary.LittleEndian.Uint16(head[6:]))
	if _, err := io.ReadFull(e.conn, body); err != nil {
		return 0, nil
	}
	return head[4], body
}

// greet exchanges hellos as agreed.
func (e *rawEnd) greet() bool {
	if e.role == asClient {
		e.sayHello()
	}
	kind, body := e.hear()
	if kind != sayHello || len(body) != 34 {
		return false
	}
	e.nonce = body[2:]
	if e.role == asServer {
		e.sayHello()
	}
	return true
}
