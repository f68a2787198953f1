package enclave

import (
	"crypto/tls"
	"time"
)

// issued is a key with all that is shown for it. It is replaced as a whole and
// never changed, so that no handshake sees the key of one and the quote of
// another.
type issued struct {
	key    *key
	cert   *tls.Certificate // with the evidence
	chain  *tls.Certificate // an authority's, for the same key; or nil
	cpusvn [16]byte         // the CPU's when it was quoted
}

// due reports whether two thirds of the certificate's life are over, or it
// has yet to begin.
func due(c *tls.Certificate, now time.Time) bool {
	life := c.Leaf.NotAfter.Sub(c.Leaf.NotBefore)
	return !valid(c, now) || now.Sub(c.Leaf.NotBefore) >= life/3*2
}

func valid(c *tls.Certificate, now time.Time) bool {
	return !now.Before(c.Leaf.NotBefore) && now.Before(c.Leaf.NotAfter)
}

// named returns the authority's chain if the client asks for a name in it.
func (i *issued) named(server string, now time.Time) *tls.Certificate {
	if i.chain == nil || server == "" || !valid(i.chain, now) || i.chain.Leaf.VerifyHostname(server) != nil {
		return nil
	}
	return i.chain
}
