package enclave

import (
	"context"
	"log/slog"
)

// Nothing here is called while a mutex is held, or a handshake that can succeed
// waits: who reads the log, which may be
// the host, can keep a line waiting.

func (o *CredentialsOptions) log(level slog.Level, text string, args ...any) {
	if o.Log != nil {
		o.Log.Log(context.Background(), level, text, args...)
	}
}

func (s *source) sayRenewed(r *renewal) {
	switch r.err {
	case nil:
		s.options.log(slog.LevelInfo, "enclave: certificate renewed", "expires", r.next.cert.Leaf.NotAfter)
		return
	case errClosed: // nothing is kept, as its owner knows
		return
	}
	s.options.log(slog.LevelWarn, "enclave: certificate not renewed; the old one is kept until it expires",
		"error", r.err, "expires", r.of.cert.Leaf.NotAfter)
}

// sayRefused says once that handshakes fail now.
func (s *source) sayRefused(err error) {
	s.mu.Lock()
	again := s.said
	s.said = true
	s.mu.Unlock()
	if !again {
		s.options.log(slog.LevelError, "enclave: no valid certificate; connections are refused", "error", err)
	}
}
