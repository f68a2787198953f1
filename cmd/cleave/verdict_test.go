package main

import (
	"strings"
	"testing"
)

// TestAuthenticity is the line that matters most. No root but Intel's goes
// without saying, and nothing but a verdict says yes.
func TestAuthenticity(t *testing.T) {
	tests := map[string]struct {
		verdict verdict
		want    string
	}{
		"zero":                   {verdict{}, "not checked: give -collateral; its certificates are under NOT INTEL'S ROOT"},
		"not checked":            {verdict{IntelRoot: true}, "not checked: give -collateral"},
		"refused":                {verdict{IntelRoot: true, Error: "expired"}, "NO: expired"},
		"refused, another root":  {verdict{Error: "expired"}, "NO: expired"},
		"authentic":              {verdict{Authentic: true, IntelRoot: true}, "yes, by Intel's root"},
		"authentic, not trusted": {verdict{Authentic: true, IntelRoot: true, Error: "policy"}, "yes, by Intel's root"},
		"another root":           {verdict{Authentic: true, Root: "c0ffee"}, "yes, but NOT INTEL'S ROOT: public key c0ffee"},
	}
	for name, test := range tests {
		var b strings.Builder
		test.verdict.print(&b, false)
		if got := b.String(); got != "authentic  "+test.want+"\n" {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
