package attest_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/vectors"
)

// A vector is a judgement of Intel's own library.
type vector vectors.Vector

// noLevel is how the vectors write Intel's TCB_NOT_SUPPORTED.
const noLevel = vectors.NoLevel

func readVectors(t testing.TB) (all []vector) {
	t.Helper()
	for _, x := range vectors.All(t) {
		all = append(all, vector(x))
	}
	return all
}

// agrees compares what was judged.
func (x *vector) agrees(j attest.TCB) bool {
	want := slices.Compact(slices.Sorted(slices.Values(x.Advisories)))
	return j.Status.String() == x.Status && j.Date.Format(time.DateOnly) == x.TCBDate && slices.Equal(j.Advisories, want)
}

// TestGenuineQuotes verifies genuine quotes of enclaves with the policy that
// trusts exactly theirs, and those of trust domains as what they are, and
// compares the verdicts with those of Intel's own library. One verifier judges
// all of the same collateral, so that it remembers.
func TestGenuineQuotes(t *testing.T) {
	agree := map[string]int{}
	verifiers := map[string]*attest.Verifier{}
	for _, x := range readVectors(t) {
		key := fmt.Sprint(x.Collateral, x.Unix)
		v := verifiers[key]
		if v == nil {
			dir := attest.Dir(filepath.Join(vectors.Dir(t), x.Collateral))
			collateral, err := dir.Collateral(t.Context(), attest.Subject{})
			check(t, err)
			v = &attest.Verifier{Collateral: collateral, Time: at(time.Unix(x.Unix, 0))}
			verifiers[key] = v
		}
		outcome := "refused, as Intel's library does"
		switch err := x.compare(t, v); {
		case err == nil:
			outcome = x.TEE + " accepted"
		case errors.Is(err, attest.ErrPolicy):
			outcome = x.TEE + " refused for its platform's TCB"
		case x.Status != noLevel || !errors.Is(err, attest.ErrForged) || !strings.Contains(err.Error(), "TCB_NOT_SUPPORTED"):
			t.Errorf("%s, %s: %v; want %+v", x.Quote, filepath.Base(x.Collateral), err, x)
			continue
		}
		agree[outcome]++
	}
	t.Log(agree)
	if len(agree) != 4 {
		t.Error("some kind of vector is missing")
	}
}

var errDiffers = errors.New("differs")

// compare returns nil where the vector's verdict is reached and trusted.
func (x *vector) compare(t *testing.T, v *attest.Verifier) error {
	t.Helper()
	quote := vectors.Read(t, x.Quote)
	if x.TEE == "tdx" {
		r, err := v.AuthenticateTD(t.Context(), quote)
		if err == nil && (!x.agrees(r.TCB.TCB) || !r.IntelRoot()) {
			return errDiffers
		}
		return err
	}
	q, err := attest.ParseQuote(quote)
	check(t, err)
	platform, root, err := q.Origin()
	check(t, err)
	policy := attest.Policy{Builds: []attest.Measurement{q.Measurement}, AllowDebug: true}
	r, err := v.Authenticate(t.Context(), quote)
	if err != nil {
		return err
	}
	if r.Identity != q.Identity || r.Data != q.Data || r.Platform != platform || r.Root != root || !r.IntelRoot() || !x.agrees(r.TCB) {
		return errDiffers
	}
	err = policy.Check(r)
	if accepted := x.Status == "UpToDate" || x.Status == "SWHardeningNeeded"; accepted != (err == nil) {
		return errDiffers
	}
	return err
}
