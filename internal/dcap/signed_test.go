package dcap_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/issue"
)

func TestSignedUnder(t *testing.T) {
	life := issue.Validity{From: noon.AddDate(-1, 0, 0), Until: noon.AddDate(1, 0, 0)}
	authority := func() *issue.Authority {
		a, err := issue.NewAuthority(issue.SimulatorNames(), life)
		check(t, err)
		return a
	}
	a, other := authority(), authority()
	sign := func(b []byte, err error) []byte { check(t, err); return b }
	document := func(by *issue.Authority, member string) []byte {
		return sign(issue.SignDocument(by.TCBSigning, member, []byte("{}")))
	}
	list := func(by *issue.Entity) []byte { return sign(issue.CRL{Validity: life, Number: 1}.Sign(by)) }
	chain := func(by *issue.Authority) []byte { return issue.PEM(by.TCBSigningChain()...) }
	tests := map[string]struct {
		change func(*dcap.Collateral)
		root   *issue.Authority
		ok     bool
	}{
		"good":                   {func(*dcap.Collateral) {}, a, true},
		"another root":           {func(*dcap.Collateral) {}, other, false},
		"flipped TCB info":       {func(c *dcap.Collateral) { c.TCBInfo = bytes.Replace(c.TCBInfo, []byte("{}"), []byte("[]"), 1) }, a, false},
		"flipped identity":       {func(c *dcap.Collateral) { c.QEIdentity = bytes.Replace(c.QEIdentity, []byte("{}"), []byte("[]"), 1) }, a, false},
		"other's TCB info":       {func(c *dcap.Collateral) { c.TCBInfo = document(other, "tcbInfo") }, a, false},
		"other's identity":       {func(c *dcap.Collateral) { c.QEIdentity = document(other, "enclaveIdentity") }, a, false},
		"other's identity chain": {func(c *dcap.Collateral) { c.QEIdentityChain = chain(other) }, a, false},
		"identity all other's": {func(c *dcap.Collateral) {
			c.QEIdentity, c.QEIdentityChain = document(other, "enclaveIdentity"), chain(other)
		}, a, false},
		"other's list":  {func(c *dcap.Collateral) { c.RootCRL = list(other.Root) }, a, false},
		"the CA's list": {func(c *dcap.Collateral) { c.RootCRL = list(a.PCKCA) }, a, false},
	}
	for name, test := range tests {
		c := dcap.Collateral{
			TCBInfo: document(a, "tcbInfo"), TCBInfoChain: chain(a),
			QEIdentity: document(a, "enclaveIdentity"), QEIdentityChain: chain(a),
			RootCRL: list(a.Root), PCKCRL: list(a.PCKCA),
		}
		test.change(&c)
		d, err := dcap.ParseCollateral(c)
		check(t, err)
		if !bytes.Equal(d.Root(), a.Root.Certificate.RawSubjectPublicKeyInfo) {
			t.Errorf("%s: another root", name)
		}
		err = d.SignedUnder(test.root.Root.Certificate.RawSubjectPublicKeyInfo)
		if (err == nil) != test.ok || err != nil && !errors.Is(err, dcap.ErrCollateral) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
