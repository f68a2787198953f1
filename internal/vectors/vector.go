package vectors

import (
	"encoding/json"
	"testing"
)

// A Vector is a judgement of Intel's own library: of a quote, by collateral, at
// a time in Unix seconds.
type Vector struct {
	Quote, Collateral, TEE, Status, TCBDate string
	Version                                 int
	Unix                                    int64
	Advisories                              []string
}

// NoLevel is the Status for Intel's TCB_NOT_SUPPORTED.
const NoLevel = "(no matching level)"

// All returns every vector.
func All(t testing.TB) []Vector {
	t.Helper()
	var data struct{ Vectors []Vector }
	if err := json.Unmarshal(Read(t, "vectors.json"), &data); err != nil {
		t.Fatal(err)
	}
	return data.Vectors
}
