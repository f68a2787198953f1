package attest

import (
	"crypto/tls"
	"io"
)

// Bindable reports whether a session would have its round on conn.
func (s *Session) Bindable(conn *tls.Conn) error {
	_, err := s.newRound(conn, client, new(shown))
	return err
}

// ReadSessionFrame and AppendSessionFrame are what ends say to each other.
func ReadSessionFrame(r io.Reader) (kind byte, body []byte, err error) {
	f, err := readFrame(r)
	return byte(f.kind), f.body, err
}

func AppendSessionFrame(b []byte, kind byte, body []byte) []byte {
	return frame{frameKind(kind), body}.append(b)
}

// ParseSessionGreeting reads the body of a hello, and writes it again.
func ParseSessionGreeting(body []byte) (again []byte, ok bool) {
	g, ok := parseGreeting(body)
	return g.frame().body, ok
}

// SessionPeers is how many reports a session keeps.
func (s *Session) SessionPeers() int {
	s.peers.mu.Lock()
	defer s.peers.mu.Unlock()
	return len(s.peers.reports)
}
