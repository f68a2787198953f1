package attest_test

import (
	"bytes"
	"path/filepath"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/vectors"
)

// FuzzVerify gives the fuzzer's bytes to a verifier: whatever is genuine says
// what one of the seeds says. Inputs are large: -fuzzminimizetime 5x keeps the
// fuzzer from spending its time on making them small.
func FuzzVerify(f *testing.F) {
	m := newMachine(f)
	v := m.verifier(f)
	v.AllowZeroPadding = true
	seeds := [][]byte{
		m.quote(f, enclave("friend"), [64]byte{1}), m.quote(f, enclave("stranger"), claimed("claims")), m.tdQuote(f, [64]byte{2}),
	}
	f.Add(oe.Report(seeds[0], true))
	f.Add(oe.Evidence(oe.FormatECDSA, append(bytes.Clone(seeds[1]), "claims"...)))
	fuzzVerify(f, v, seeds)
}

// FuzzVerifyGenuine is FuzzVerify with a genuine quote.
func FuzzVerifyGenuine(f *testing.F) {
	for _, x := range readVectors(f) {
		if x.TEE == "sgx" && x.Status == "UpToDate" {
			dir := attest.Dir(filepath.Join(vectors.Dir(f), x.Collateral))
			collateral, err := dir.Collateral(f.Context(), attest.Subject{})
			check(f, err)
			fuzzVerify(f, &attest.Verifier{Collateral: collateral, Time: at(time.Unix(x.Unix, 0))}, [][]byte{vectors.Read(f, x.Quote)})
			return
		}
	}
	f.Fatal("no vector")
}

func fuzzVerify(f *testing.F, v *attest.Verifier, seeds [][]byte) {
	type said struct {
		attest.Identity
		data [64]byte
	}
	genuine := map[said]bool{}
	for _, quote := range seeds {
		f.Add(quote)
		if r, err := v.Authenticate(f.Context(), quote); err == nil {
			genuine[said{r.Identity, r.Data}] = true
		}
	}
	if len(genuine) == 0 {
		f.Fatal("nothing is genuine")
	}
	f.Fuzz(func(t *testing.T, quote []byte) {
		r, err := v.Authenticate(t.Context(), quote)
		if (r == nil) == (err == nil) {
			t.Fatalf("%v, %v", r, err)
		}
		if err == nil && !genuine[said{r.Identity, r.Data}] {
			t.Errorf("%+v", r)
		}
		if err != nil && len(err.Error()) > 1000 {
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
	})
}
