package attest_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// TestHoles has what other verifiers and those who use them were found to let
// through once a quote is genuine. What is not genuine is for package dcap.
func TestHoles(t *testing.T) {
	m := newMachine(t)
	data := [64]byte{1}
	friend := attest.Policy{Builds: []attest.Measurement{enclave("friend").MRENCLAVE}}
	with := func(f func(*sgx.ReportBody)) []byte {
		body := enclave("friend")
		f(&body)
		return m.quote(t, body, data)
	}
	at := func(status string) *attest.Collateral {
		judged := *m
		judged.status = status
		return judged.collateral(t)
	}
	good := m.quote(t, enclave("friend"), data)
	tests := map[string]struct {
		quote      []byte
		policy     attest.Policy
		collateral *attest.Collateral
		want       error
	}{
		"none":                                   {good, friend, m.collateral(t), nil},
		"measurement not checked by default":     {good, attest.Policy{}, m.collateral(t), attest.ErrPolicy},
		"measurement not checked":                {m.quote(t, enclave("stranger"), data), friend, m.collateral(t), attest.ErrPolicy},
		"debug mode accepted":                    {with(func(b *sgx.ReportBody) { b.Attributes.Flags |= sgx.FlagDebug }), friend, m.collateral(t), attest.ErrPolicy},
		"signer without its product":             {with(func(b *sgx.ReportBody) { b.ProductID = 8 }), signedBy("friend", 7, 9), m.collateral(t), attest.ErrPolicy},
		"signer without its SVN":                 {with(func(b *sgx.ReportBody) { b.SVN = 8 }), signedBy("friend", 7, 9), m.collateral(t), attest.ErrPolicy},
		"all but Revoked accepted: OutOfDate":    {good, friend, at("OutOfDate"), attest.ErrPolicy},
		"all but Revoked accepted: Config":       {good, friend, at("ConfigurationNeeded"), attest.ErrPolicy},
		"all but Revoked accepted: both":         {good, friend, at("ConfigurationAndSWHardeningNeeded"), attest.ErrPolicy},
		"all but Revoked accepted: OutOfDateC":   {good, friend, at("OutOfDateConfigurationNeeded"), attest.ErrPolicy},
		"Revoked accepted":                       {good, friend, at("Revoked"), attest.ErrPolicy},
		"only part of the report data compared":  {m.quote(t, enclave("friend"), [64]byte{1, 63: 1}), friend, m.collateral(t), attest.ErrForged},
		"relayed: made for another's key":        {m.quote(t, enclave("friend"), [64]byte{2}), friend, m.collateral(t), attest.ErrForged},
		"claims beside the quote believed":       {oe.Evidence(oe.FormatECDSA, slices.Concat(good, []byte("claims"))), friend, m.collateral(t), attest.ErrForged},
		"trust domain taken for an enclave":      {m.tdQuote(t, data), friend, m.tdCollateral(t), attest.ErrUnsupported},
		"trust domain's zeros trusted as builds": {m.tdQuote(t, data), attest.Policy{Builds: []attest.Measurement{{}}}, m.tdCollateral(t), attest.ErrUnsupported},
	}
	for name, test := range tests {
		v := m.verifier(t)
		v.Policy, v.Collateral = test.policy, test.collateral
		r, err := v.Verify(t.Context(), test.quote, data)
		if !errors.Is(err, test.want) || (r == nil) == (err == nil) {
			t.Errorf("%s: %+v, %v; want %v", name, r, err, test.want)
		}
	}
}

// TestHoleCertificateNotChecked is for TLS: the certificate around good
// evidence is somebody else's.
func TestHoleCertificateNotChecked(t *testing.T) {
	m := newMachine(t)
	v := m.verifier(t, "friend")
	thief := must(issue.NewKey())(t)
	victim := m.draft(t, "friend")
	victim.make(t)
	for name, change := range map[string]func(*draft){
		"evidence of another key":   func(d *draft) { d.key = thief; d.evidence = victim.evidence },
		"signed by another":         func(d *draft) { d.signer = thief },
		"claims without a key":      func(d *draft) { d.claims = []byte{0xA0}; d.data = claimed("\xA0") },
		"claims of another's quote": func(d *draft) { d.data = victim.data; d.key = thief },
	} {
		d := m.draft(t, "friend")
		change(d)
		if r, err := v.VerifyCertificate(t.Context(), d.leaf(t)); !errors.Is(err, attest.ErrForged) || r != nil {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}
