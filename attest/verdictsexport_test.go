package attest

import "time"

// Bounds of what a Verifier remembers.
const (
	MaxProven   = maxProven
	MaxUnproven = maxUnproven
	MaxShared   = maxParsed
	MaxFlights  = maxFlights
)

// Kept is how many verdicts v remembers, and how many collateral for them.
func (v *Verifier) Kept() (proven, unproven, shared int) {
	v.verdicts.mu.Lock()
	defer v.verdicts.mu.Unlock()
	return len(v.verdicts.proven), len(v.verdicts.unproven), len(v.verdicts.shared)
}

// AwaitWaiting returns once n callers wait for what another one verifies. It
// panics if they do not come.
func (v *Verifier) AwaitWaiting(n int) {
	begun := time.Now()
	for waiting := 0; waiting < n; time.Sleep(time.Millisecond) {
		if time.Since(begun) > time.Minute {
			panic("nobody waits")
		}
		waiting = 0
		v.verdicts.mu.Lock()
		for _, f := range v.verdicts.flights {
			waiting += f.waiting
		}
		v.verdicts.mu.Unlock()
	}
}

// Fill has v remember what it knows under n other names, as of certificates
// whose handshakes have not been complete.
func (v *Verifier) Fill(n int) {
	v.verdicts.mu.Lock()
	var known proof
	for _, known = range v.verdicts.proven {
	}
	v.verdicts.mu.Unlock()
	for i := range n {
		v.verdicts.keep(verdictKey{0: byte(i), 1: byte(i >> 8), 2: 1}, known, false)
	}
}

// Forget has v forget the verdicts, but not which documents are good.
func (v *Verifier) Forget() {
	v.verdicts.mu.Lock()
	defer v.verdicts.mu.Unlock()
	v.verdicts.proven, v.verdicts.unproven = nil, nil
}
