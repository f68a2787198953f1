package attest

import (
	"context"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
)

// Bundle is collateral of one or several kinds of platforms, with which to
// verify where nothing can be asked for: it is a [Source]. Nothing in a bundle
// is trusted for being there, and a verdict lasts no longer than the collateral
// it rests on, some weeks.
//
// In JSON a bundle is one object. Signed documents and certificates are strings
// with the exact text, revocation lists are PEM. Unknown, missing and duplicate
// names are refused, and more than 16 MiB.
//
//	{
//	  "version": 1,
//	  "platforms": [
//	    {
//	      "tee": "SGX",
//	      "fmspc": "00906ed50000",
//	      "ca": "platform",
//	      "tcbInfo": "{\"tcbInfo\":…,\"signature\":\"…\"}",
//	      "tcbInfoChain": "-----BEGIN CERTIFICATE-----\n…",
//	      "qeIdentity": "{\"enclaveIdentity\":…,\"signature\":\"…\"}",
//	      "qeIdentityChain": "-----BEGIN CERTIFICATE-----\n…",
//	      "rootCRL": "-----BEGIN X509 CRL-----\n…",
//	      "pckCRL": "-----BEGIN X509 CRL-----\n…"
//	    }
//	  ]
//	}
type Bundle map[Subject]*Collateral

// Collateral returns what the bundle has about the platform.
func (b Bundle) Collateral(_ context.Context, s Subject) (*Collateral, error) {
	if c := b[s]; c != nil {
		return c, nil
	}
	return nil, unusable("the bundle has nothing about %v, only about %s: fetch a bundle for it", s, b.list())
}

// list names some of the platforms.
func (b Bundle) list() string {
	if len(b) == 0 {
		return "nothing"
	}
	const most = 4
	var names []string
	for _, s := range b.Subjects() {
		names = append(names, s.String())
	}
	if more := len(names) - most; more > 0 {
		names = append(names[:most], "others")
	}
	return strings.Join(names, "; ")
}

// Subjects returns what the bundle is about, in a fixed order.
func (b Bundle) Subjects() []Subject {
	return slices.SortedFunc(maps.Keys(b), func(x, y Subject) int {
		return strings.Compare(x.key(), y.key())
	})
}

// key is a short text that only s has.
func (s Subject) key() string {
	return strings.ToLower(s.TEE.String()) + "-" + hex.EncodeToString(s.FMSPC[:]) + "-" + s.CA
}
