package sealing

import (
	"fmt"
	"strings"
)

// Separation narrows a [Binding] down by more of what an enclave is, where the
// platform has keys for that (Intel calls it KSS, key separation and sharing).
// Values are combined by |. The zero Separation adds nothing.
//
// EGo and Open Enclave refuse such keys, so that there a Sealer with a
// Separation refuses to seal and to open.
type Separation uint8

const (
	// ByConfig is the configuration the enclave was started with (CONFIGID),
	// which whoever starts it chooses. Blobs of later configuration versions
	// (CONFIGSVN) than one's own do not open.
	ByConfig Separation = 1 << iota
	// ByFamily is the family of products it was signed as one of (ISVFAMILYID).
	ByFamily
	// ByExtendedProduct is its long product ID (ISVEXTPRODID).
	ByExtendedProduct

	everySeparation = ByConfig | ByFamily | ByExtendedProduct
)

func (s Separation) valid() bool { return s&^everySeparation == 0 }

// String returns "none", or names such as "ByConfig|ByFamily".
func (s Separation) String() string {
	var names []string
	for i, name := range []string{"ByConfig", "ByFamily", "ByExtendedProduct"} {
		if s&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	switch {
	case !s.valid():
		return fmt.Sprintf("Separation(%d)", uint8(s))
	case s == 0:
		return "none"
	}
	return strings.Join(names, "|")
}

// SeparateKeys are the [Keys] of a platform that can separate them further.
// Keys that do not implement it are never asked for a key with a Separation.
type SeparateKeys interface {
	Keys
	// Separations are all those that may be asked for.
	Separations() Separation
}

// offers reports whether the keys can be separated so.
func offers(keys Keys, s Separation) bool {
	if s == 0 {
		return true
	}
	k, ok := keys.(SeparateKeys)
	return ok && s&^k.Separations() == 0 && s.valid()
}
