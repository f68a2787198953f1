package dcap_test

import (
	"encoding/json"
	"errors"
	"path"
	"slices"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/oe"
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

// evidence reads what the vector is about.
func (x *vector) evidence(t testing.TB) *evidence {
	t.Helper()
	e := &evidence{
		quote:      vectors.Read(t, x.Quote),
		collateral: genuineCollateral(t, x.Collateral),
		root:       dcap.IntelRoot(),
		now:        time.Unix(x.Unix, 0),
	}
	if _, body, err := oe.ParseReport(e.quote); err == nil {
		e.quote = body
	}
	return e
}

func genuineCollateral(t testing.TB, dir string) dcap.Collateral {
	t.Helper()
	read := func(name string) []byte { return vectors.Read(t, dir, name) }
	return dcap.Collateral{
		TCBInfo: read("tcb_info.json"), TCBInfoChain: read("tcb_signing_chain.pem"),
		QEIdentity: read("qe_identity.json"), QEIdentityChain: read("tcb_signing_chain.pem"),
		RootCRL: read("root_ca_crl.der"), PCKCRL: read("pck_crl.der"),
	}
}

// judged is what a verdict says in the words of the vectors.
func judged(v *dcap.Verdict, err error) vector {
	var e *dcap.Error
	switch {
	case errors.As(err, &e) && e.Name == "TCB_NOT_SUPPORTED":
		return vector{Status: noLevel}
	case err != nil:
		return vector{Status: err.Error()}
	}
	return vector{Status: v.TCB.Status.String(), TCBDate: v.TCB.Date.Format(time.DateOnly), Advisories: v.TCB.Advisories}
}

func (x *vector) agrees(y vector) bool {
	sorted := func(s []string) []string { return slices.Compact(slices.Sorted(slices.Values(s))) }
	return x.Status == y.Status && x.TCBDate == y.TCBDate && slices.Equal(sorted(x.Advisories), sorted(y.Advisories))
}

// TestGenuineQuotes compares the verdicts on genuine quotes with those of
// Intel's own library.
func TestGenuineQuotes(t *testing.T) {
	agree := map[string]int{}
	var memory dcap.Memory // shared: what it remembers must not change a verdict
	parsed := map[string]*dcap.Documents{}
	for _, x := range readVectors(t) {
		e := x.evidence(t)
		if parsed[x.Collateral] == nil {
			parsed[x.Collateral] = must(dcap.ParseCollateral(e.collateral))(t)
		}
		got := judged(e.remembering(&memory, parsed[x.Collateral]))
		if !x.agrees(got) {
			t.Errorf("%s, %s: %+v; want %+v", x.Quote, path.Base(x.Collateral), got, x)
			continue
		}
		agree[x.TEE]++
	}
	t.Logf("%d judgements of genuine quotes agree with Intel's library: %d of SGX, %d of TDX", agree["sgx"]+agree["tdx"], agree["sgx"], agree["tdx"])
	if agree["sgx"] == 0 || agree["tdx"] == 0 {
		t.Error("some kind of vector is missing")
	}
}

// notGenuine are quotes of which the reason is known why they are not.
func notGenuine(t testing.TB) map[string][]byte {
	t.Helper()
	var index []struct{ File string }
	check(t, json.Unmarshal(vectors.Read(t, "nongenuine", "index.json"), &index))
	quotes := map[string][]byte{}
	for _, x := range index {
		quotes[x.File] = vectors.Read(t, "nongenuine", x.File)
	}
	if len(quotes) == 0 {
		t.Fatal("no quotes")
	}
	return quotes
}

// collateralSets is one vector for each of them.
func collateralSets(t testing.TB) map[string]vector {
	t.Helper()
	sets := map[string]vector{}
	for _, x := range readVectors(t) {
		sets[x.Collateral] = x
	}
	return sets
}
