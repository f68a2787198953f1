package enclavetest_test

import (
	"errors"
	"testing"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/enclave"
	"github.com/cleave-sdk/cleave/enclave/enclavetest"
	"github.com/cleave-sdk/cleave/sealing"
)

// with changes one thing about the identity.
func with(change func(*attest.Identity)) attest.Identity {
	id := identity
	change(&id)
	return id
}

func TestSealedForWhom(t *testing.T) {
	m := enclavetest.NewMachine(t)
	p := m.Enclave(t, identity)
	for name, row := range map[string]struct {
		machine           *enclavetest.Machine
		opener            attest.Identity
		toEnclave, toSame bool // opens what is sealed to the enclave, to the signer
	}{
		"itself, again":   {m, identity, true, true},
		"the next build":  {m, with(func(id *attest.Identity) { id.Measurement[0]++; id.SVN++ }), false, true},
		"an older build":  {m, with(func(id *attest.Identity) { id.Measurement[0]++; id.SVN-- }), false, false},
		"another product": {m, with(func(id *attest.Identity) { id.ProductID++ }), false, false},
		"another signer":  {m, with(func(id *attest.Identity) { id.Signer[31]++ }), true, false},
		"its debug twin":  {m, with(func(id *attest.Identity) { id.Debug = true }), false, false},
		"another machine": {enclavetest.NewMachine(t), identity, false, false},
	} {
		opener := row.machine.Enclave(t, row.opener)
		for binding, want := range map[sealing.Binding]bool{sealing.ToEnclave: row.toEnclave, sealing.ToSigner: row.toSame} {
			blob, err := sealing.New(p, binding).Seal([]byte("secret"), nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := sealing.New(opener, binding).Open(blob, nil); (err == nil) != want {
				t.Errorf("%s opens what is sealed %v: %v", name, binding, err)
			}
		}
	}
}

func TestQuotesOfOthers(t *testing.T) {
	m, other := enclavetest.NewMachine(t), enclavetest.NewMachine(t)
	data := attest.ReportData("test", nil)
	for name, row := range map[string]struct {
		machine *enclavetest.Machine
		id      attest.Identity
		want    error
	}{
		"the one that is trusted": {m, identity, nil},
		"another build":           {m, with(func(id *attest.Identity) { id.Measurement[0]++ }), attest.ErrPolicy},
		"its debug twin":          {m, with(func(id *attest.Identity) { id.Debug = true }), attest.ErrPolicy},
		"on another machine":      {other, identity, attest.ErrForged},
	} {
		quote, err := row.machine.Enclave(t, row.id).Quote(t.Context(), "test", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Verifier(only(identity)).Verify(t.Context(), quote, data); !errors.Is(err, row.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	quote, err := m.Enclave(t, identity).Quote(t.Context(), "test", nil)
	if err != nil {
		t.Fatal(err)
	}
	intel := &attest.Verifier{Policy: only(identity), Collateral: m.Collateral()}
	if _, err := intel.Verify(t.Context(), quote, data); !errors.Is(err, attest.ErrForged) {
		t.Errorf("with Intel's root: %v", err)
	}
}

func TestNeighbours(t *testing.T) {
	m := enclavetest.NewMachine(t)
	near := m.Enclave(t, identity)
	far := m.Enclave(t, with(func(id *attest.Identity) { id.Measurement[0]++ }))
	stranger := enclavetest.NewMachine(t).Enclave(t, identity)

	report, err := far.LocalReport(t.Context(), near.Target(), "test", nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := near.VerifyLocalReport(t.Context(), report, "test", nil)
	if err != nil || r.Identity != far.Identity() {
		t.Errorf("%v, %v", r, err)
	}
	for name, p := range map[string]*enclave.Platform{"who made it": far, "its like elsewhere": stranger} {
		if _, err := p.VerifyLocalReport(t.Context(), report, "test", nil); !errors.Is(err, attest.ErrForged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
