package attest_test

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/vectors"
)

// TestGenuineQuotes verifies genuine quotes with the policy that trusts
// exactly their enclave, and compares the verdicts with those of Intel's own
// library.
func TestGenuineQuotes(t *testing.T) {
	var data struct {
		Vectors []struct {
			Quote, Collateral, Status, TCBDate, TEE string
			Version                                 int
			Unix                                    int64
			Advisories                              []string
		}
	}
	unmarshal(t, vectors.Read(t, "vectors.json"), &data)
	dir := vectors.Dir(t)
	trusted, refused, unsupported := 0, 0, 0
	for _, x := range data.Vectors {
		quote := vectors.Read(t, x.Quote)
		v := &attest.Verifier{Collateral: attest.Dir(filepath.Join(dir, x.Collateral)), Time: at(time.Unix(x.Unix, 0))}
		q, err := attest.ParseQuote(quote)
		if x.TEE != "sgx" || x.Version != 3 {
			if r, verifyErr := v.Authenticate(t.Context(), quote); !errors.Is(err, attest.ErrUnsupported) || !errors.Is(verifyErr, attest.ErrUnsupported) || q != nil || r != nil {
				t.Errorf("%s: %v, %v", x.Quote, err, verifyErr)
			}
			unsupported++
			continue
		}
		check(t, err)
		v.Policy = attest.Policy{Builds: []attest.Measurement{q.Measurement}, AllowDebug: true}
		r, err := v.Verify(t.Context(), quote, q.Data)
		accepted := x.Status == "UpToDate" || x.Status == "SWHardeningNeeded"
		if accepted != (err == nil) || !accepted && !errors.Is(err, attest.ErrPolicy) {
			t.Errorf("%s, %s: %s, but %v", x.Quote, filepath.Base(x.Collateral), x.Status, err)
			continue
		}
		if !accepted {
			refused++
			continue
		}
		slices.Sort(x.Advisories)
		if r.Identity != q.Identity || r.Platform != q.Platform || !r.IntelRoot() || r.TCB.Status.String() != x.Status ||
			r.TCB.Date.Format(time.DateOnly) != x.TCBDate || !slices.Equal(r.TCB.Advisories, slices.Compact(x.Advisories)) {
			t.Errorf("%s, %s: %+v; want %+v", x.Quote, filepath.Base(x.Collateral), r, x)
		}
		trusted++
	}
	t.Logf("%d trusted, %d refused for their platform's TCB, %d unsupported", trusted, refused, unsupported)
	if trusted == 0 || refused == 0 || unsupported == 0 {
		t.Error("some kind of vector is missing")
	}
}
