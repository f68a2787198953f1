package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/cleave-sdk/cleave/internal/vectors"
)

// TestShowGenuineCollateral: every genuine set is signed under Intel's root, and
// valid when it was in use.
func TestShowGenuineCollateral(t *testing.T) {
	sets, err := filepath.Glob(filepath.Join(vectors.Dir(t), "collateral", "*"))
	if err != nil || len(sets) == 0 {
		t.Fatal("no sets", err)
	}
	for _, set := range sets {
		var meta struct {
			TEE, FMSPC string
			At         string `json:"eval_time"`
		}
		if err := json.Unmarshal(vectors.Read(t, "collateral", filepath.Base(set), "meta.json"), &meta); err != nil {
			t.Fatal(err)
		}
		var stdout, stderr bytes.Buffer
		status := run([]string{"collateral", "show", "-json", "-time", meta.At, set}, &stdout, &stderr)
		var shown struct{ Collateral []exhibit }
		if err := json.Unmarshal(stdout.Bytes(), &shown); err != nil || len(shown.Collateral) != 1 {
			t.Fatalf("%v: %s%s", err, &stdout, &stderr)
		}
		e := shown.Collateral[0]
		if status != exitYes || !e.Signed || !e.IntelRoot || !e.Valid || e.Error != "" || e.TEE != meta.TEE || e.FMSPC != meta.FMSPC || e.CA != "platform" && e.CA != "processor" {
			t.Errorf("%s: exit status %d, %+v", set, status, e)
		}
	}
	t.Logf("%d genuine sets", len(sets))
}
