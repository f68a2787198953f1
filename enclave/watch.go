package enclave

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/cleave-sdk/cleave/internal/sgx"
)

// lookAfter is how often the CPU's security version is looked at.
const lookAfter = time.Minute

// lookIfDue has the CPU's security version looked at, beside the handshake.
func (s *source) lookIfDue(now time.Time) {
	since := now.Sub(s.lookedAt)
	if s.looking || since >= 0 && since < lookAfter {
		return
	}
	s.looking, s.lookedAt = true, now
	go s.look(s.current)
}

func (s *source) look(at *issued) {
	ctx, cancel := context.WithTimeout(s.ctx, renewTimeout)
	defer cancel()
	cpusvn, err := s.cpusvn(ctx)
	if s.looked(at, err == nil && cpusvn != at.cpusvn) {
		s.options.log(slog.LevelInfo, "enclave: the CPU's security version has changed; the certificate is renewed")
	}
}

// looked has at renewed if the CPU has moved since, and reports whether that is
// so.
func (s *source) looked(at *issued, moved bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looking = false
	if !moved || s.current != at {
		return false
	}
	s.moved = true
	if s.renewal == nil && !s.resting(s.now()) {
		s.start()
	}
	return true
}

// cpusvn is the CPU's security version, as it says itself in a local report.
func (s *source) cpusvn(ctx context.Context) (_ [16]byte, err error) {
	defer rescue(&err) // also beside the handshake
	r, err := s.platform.platform.Report(ctx, sgx.TargetInfo{}, [64]byte{})
	if err != nil {
		return [16]byte{}, fmt.Errorf("enclave: asking for the CPU's security version: %w", err)
	}
	return r.Body.CPUSVN, nil
}
