package ocall

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"strings"
)

// A Service is everything a trusted half may ask of its host: the whole surface
// between them. The order does not matter, no two names are equal.
//
// A call that cannot work (nil Check, a type that cannot cross) panics in
// whichever of Dial, New, Serve, String and Fingerprint comes first.
type Service []Method

// A Method is a Func or a Stream.
type Method interface{ assemble() *method }

// method is a Func or Stream without its type parameters.
type method struct {
	name                    string
	line                    string // in the surface
	index                   uint16 // of its line
	maxRequest, maxResponse uint32
	concurrency             int
	memory                  uint64        // that a call may take of the trusted half's
	lends                   bool          // its handler has requests no longer than it runs
	stream                  *streamLimits // nil: a Func
	errors                  []*declared
	plan                    any // *plan or *streamPlan, with its types
}

// String is the surface as an auditor reads it, and as it is fingerprinted: a
// line for each call, by name, with wire names, types and limits.
//
//	blob.load(string max=65536) []byte max=1048576
func (s Service) String() string { return s.surface().text }

// Fingerprint is the SHA-256 by which the halves recognise each other. Equal
// fingerprints mean equal names, field names and their order, types and limits of
// length. Check, Timeout, Concurrency and Idempotent, which each half keeps for
// itself, are not in it.
func (s Service) Fingerprint() [sha256.Size]byte { return s.surface().fingerprint }

func (s Service) surface() *surface { return newSurface(lines(s.methods())) }

// methods are in the order of their lines.
func (s Service) methods() []*method {
	methods := make([]*method, len(s))
	for i, m := range s {
		methods[i] = m.assemble()
	}
	slices.SortFunc(methods, func(a, b *method) int { return cmp.Compare(a.name, b.name) })
	if len(methods) > 1<<16 {
		refuse("service", "more than 65536 calls")
	}
	for i, m := range methods {
		m.index = uint16(i)
		if i > 0 && methods[i-1].name == m.name {
			refuse(m.name, "declared twice")
		}
	}
	if text := strings.Join(lines(methods), "\n"); len(text) >= maxSurface {
		refuse("service", "its calls take more than 64 KiB to describe")
	}
	return methods
}

func lines(methods []*method) []string {
	lines := make([]string, len(methods))
	for i, m := range methods {
		lines[i] = m.line
	}
	return lines
}
