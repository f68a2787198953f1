package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHugeFile: a file is not read beyond 16 MiB, whatever it is given for.
func TestHugeFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "huge")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, 16<<20+1); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"inspect", name},
		{"inspect", "-collateral", name, os.DevNull},
		{"inspect", "-roots", name, os.DevNull},
		{"verify", "-policy", name, os.DevNull},
	} {
		var stdout, stderr bytes.Buffer
		if status := run(args, &stdout, &stderr); status != exitUsage || stdout.Len() != 0 || !strings.Contains(stderr.String(), "huge has more than 16777216 bytes") {
			t.Errorf("%v: exit status %d, %q", args, status, stderr.String())
		}
	}
}
