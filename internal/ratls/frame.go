package ratls

import "time"

const (
	day  = 24 * time.Hour
	year = 366 * day
)

// Frame is what a certificate around the evidence may be: no more than what
// genuine ones of a dialect are. All of them are signed with their own key,
// unless an authority's chain has been verified, and the zero Frame is for none.
type Frame struct {
	// MaxLife is for how long the certificate may be valid, in all.
	MaxLife time.Duration
	// Undated is for how long, from when it is judged, one may be valid that
	// begins in the year 1. If 0, none may.
	Undated time.Duration
	// RSA keys may be used, of 2048 to 4096 bits. Those of P-256, P-384, P-521
	// and Ed25519 always may.
	RSA bool
	// SHA1 may be what the certificate is signed with. The signature says
	// nothing of the key, which the quote and the handshake prove, but who
	// chose the dates; and its message is the enclave's own.
	SHA1 bool
}

// And is what satisfies both.
func (f Frame) And(g Frame) Frame {
	return Frame{min(f.MaxLife, g.MaxLife), min(f.Undated, g.Undated), f.RSA && g.RSA, f.SHA1 && g.SHA1}
}
