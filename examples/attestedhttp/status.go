package main

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"github.com/cleave-sdk/cleave/examples/attestedhttp/bounds"
)

// maxStatus is how many may be connected to the status endpoints at once, each
// for one request. Who comes takes the place of who has been silent longest, so
// that a probe is answered while strangers hold as many connections as they can.
// It is large because of those who send nonsense: net/http gives them half a
// second to read what is wrong with it, and the queue before a server is up to
// 4096 long.
const maxStatus = 1024

// status is the server of /healthz, /readyz and /metrics.
type status struct {
	address string
	server  *http.Server
}

func serveStatus(s settings, known *state, log *slog.Logger) (*status, error) {
	l, err := net.Listen("tcp", s.status)
	if err != nil {
		return nil, err
	}
	server := bounds.Server(maxStatus, statusPages(s, known), func(line string) { log.Warn("a client of the status endpoints", "line", line) })
	server.SetKeepAlivesEnabled(false)
	go server.Serve(l) // until Close
	return &status{l.Addr().String(), server}, nil
}

func (s *status) Close() error { return s.server.Close() }

func statusPages(s settings, known *state) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.Handle("GET /readyz", &readyz{known, &rounds{question: known.ready, every: s.probe}})
	mux.Handle("GET /metrics", known.metrics.handler())
	return mux
}

// readyz names the launch that is ready, so that a probe can tell one from the
// next. Ready is what serves: that its certificate was not renewed is said, and
// is a reason to look into it, while the old one is still good.
type readyz struct {
	known  *state
	rounds *rounds
}

func (p *readyz) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h, err := p.known.serving()
	if err == nil { // else nobody has to be asked
		h, err = p.rounds.ask(r.Context())
	}
	switch {
	case err != nil:
		http.Error(w, "not ready: "+err.Error(), http.StatusServiceUnavailable)
	case h.trouble != "":
		fmt.Fprintf(w, "ready, launch %d\nbut its certificate was not renewed: %q\n", h.launch, h.trouble)
	default:
		fmt.Fprintln(w, "ready, launch", h.launch)
	}
}
