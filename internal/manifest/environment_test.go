package manifest_test

import (
	"slices"
	"testing"

	"github.com/cleave-sdk/cleave/internal/manifest"
	"github.com/google/go-cmp/cmp"
)

func TestEnvironment(t *testing.T) {
	m, err := manifest.Parse([]byte(`{"exe": "e", "key": "k", "heapSize": 1, "env": [
		{"name": "FIXED", "value": "by the manifest"},
		{"name": "EDG_FIXED", "value": "by the manifest"},
		{"name": "COPIED", "fromHost": true},
		{"name": "ABSENT", "fromHost": true},
		{"name": "DEFAULT", "value": "default", "fromHost": true},
		{"name": "REPLACED", "value": "default", "fromHost": true},
		{"name": "EMPTY"},
		{"name": "OE_IS_ENCLAVE", "value": "0"}
	]}`))
	if err != nil {
		t.Fatal(err)
	}
	got := m.Environment([]string{
		"PATH=/bin", "LD_PRELOAD=evil.so", "GODEBUG=x", "edg_lower=1", "XEDG_=1",
		"FIXED=by the host", "EDG_FIXED=by the host", "EDG_HOST=a=b=c", "EDG_CWD=/somewhere", "EDG_EMPTY=",
		"COPIED=first", "COPIED=second", "REPLACED=by the host", "EMPTY=by the host",
		"OE_IS_ENCLAVE=0", "EGOMAXTHREADS=1000", "no equals sign", "=nameless", "",
	})
	want := []string{
		"COPIED=second", "DEFAULT=default",
		"EDG_CWD=/somewhere", "EDG_EMPTY=", "EDG_FIXED=by the manifest", "EDG_HOST=a=b=c",
		"EGOMAXTHREADS=30", "FIXED=by the manifest", "OE_IS_ENCLAVE=1", "REPLACED=by the host",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	dir := tree(t, nil)
	if got := m.Environment(nil); !slices.Contains(got, "EDG_CWD="+dir) {
		t.Errorf("no working directory in %q", got)
	}
	m.Env = []manifest.Env{{Name: "EGOMAXTHREADS", Value: "7"}}
	if got := m.Environment(nil); !slices.Contains(got, "EGOMAXTHREADS=7") {
		t.Errorf("the manifest's EGOMAXTHREADS is not in %q", got)
	}
}
