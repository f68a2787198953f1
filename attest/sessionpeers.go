package attest

import (
	"crypto/tls"
	"runtime"
	"sync"
	"time"
)

// peersKept is for how long a report is found after its connection is gone: an
// answer may be read, and its connection collected, before anybody asks.
const peersKept = time.Minute

// peers are the reports of a session's connections, by the secret that each
// connection has: so that they are found for the tls.ConnectionState that
// net/http hands on, which has no place for them.
type peers struct {
	mu      sync.Mutex
	reports map[[exporterSize]byte]*Report
}

// add remembers a report for as long as conn is in use.
func (p *peers) add(conn *tls.Conn, id [exporterSize]byte, r *Report) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reports == nil {
		p.reports = make(map[[exporterSize]byte]*Report)
	}
	p.reports[id] = r
	runtime.AddCleanup(conn, func(id [exporterSize]byte) {
		time.AfterFunc(peersKept, func() { p.remove(id) })
	}, id)
}

func (p *peers) remove(id [exporterSize]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.reports, id)
}

func (p *peers) find(id [exporterSize]byte) *Report {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reports[id]
}

// Report returns what was proved of the peer of one of the session's
// connections, by its state: the TLS field of an [http.Request] or
// [http.Response], or the ConnectionState of what a listener accepted. It must
// not be asked for while the handshake is under way.
//
// It finds connections that are open, and for at least a minute those that are
// not. The report is the one made when the connection began.
func (s *Session) Report(state tls.ConnectionState) (*Report, error) {
	id, err := exporter(&state)
	if err != nil {
		return nil, err
	}
	if r := s.peers.find(id); r != nil {
		return r, nil
	}
	return nil, fail(ErrUnsupported, "the connection is not one of this session's whose peer has proved anything")
}
