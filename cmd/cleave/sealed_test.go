package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func sealedFile(t *testing.T, name string) string {
	t.Helper()
	return filepath.Join("..", "..", "sealing", "testdata", name)
}

func TestInspectSealed(t *testing.T) {
	for name, want := range map[string][]string{
		"v1-signer.sealed": {
			"sealed file  format version 1\n",
			"binding      ToSigner, separation none\n",
			"sealed by    security version 5, configuration version 0\n",
			"sealed on    CPUSVN 05040302000000000000000000000001\n",
			"content      28 bytes in 1 chunks\n",
			"replaces     d1d1d1d1",
			"an enclave of the same signer and product, with security version 5 or later\n",
			"the same machine",
			"authentic    not checked",
		},
		"v1-enclave.sealed":   {"ToEnclave", "bit for bit\n", "content      65541 bytes in 2 chunks\n"},
		"v1-fixed.sealed":     {"keys         SourceFixed\n", "the platform's same fixed key\n"},
		"v1-separated.sealed": {"ByConfig|ByExtendedProduct", "configuration version 515", "of the same extended product ID, with the same configuration, in version 515 or later\n", "content      0 bytes"},
	} {
		var stdout, stderr bytes.Buffer
		if status := run([]string{"inspect", sealedFile(t, name)}, &stdout, &stderr); status != exitYes || stderr.Len() > 0 {
			t.Errorf("%s: status %d, %s", name, status, stderr.String())
		}
		for _, line := range want {
			if !strings.Contains(stdout.String(), line) {
				t.Errorf("%s: does not say %q:\n%s", name, line, stdout.String())
			}
		}
		if name != "v1-signer.sealed" && strings.Contains(stdout.String(), "replaces") {
			t.Errorf("%s: replaces nothing:\n%s", name, stdout.String())
		}
	}
}

func TestInspectSealedAsJSON(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if status := run([]string{"inspect", "-json", sealedFile(t, "v1-signer.sealed")}, &stdout, &stderr); status != exitYes {
		t.Fatalf("status %d, %s", status, stderr.String())
	}
	var got map[string]any
	if err := json.Unmarshal(stdout.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"sealed": true, "version": 1.0, "binding": "ToSigner", "separation": "none", "source": "SourceCPU", "svn": 5.0,
		"cpuSVN": "05040302000000000000000000000001", "configSVN": 0.0, "size": 28.0, "chunks": 1.0,
		"predecessor": strings.Repeat("d1", 32), "error": "",
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	if needs, ok := got["needs"].([]any); !ok || len(needs) != 4 {
		t.Errorf("needs are %v", got["needs"])
	}
}

func TestInspectDamagedSealedFile(t *testing.T) {
	blob, err := os.ReadFile(sealedFile(t, "v1-signer.sealed"))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		blob   []byte
		args   []string
		status int
		says   string
	}{
		"cut short":       {blob[:200], nil, exitNo, "cut short"},
		"header cut":      {blob[:100], nil, exitUsage, "cut short"},
		"another version": {append([]byte("CLVSEAL\x02"), blob[8:]...), nil, exitUsage, "format version 2"},
		"magic alone":     {blob[:7], nil, exitUsage, "not a sealed blob"},
		"quote's flags":   {blob, []string{"-collateral", "x"}, exitUsage, "not defined: -collateral"},
		"another file":    {blob, []string{"another"}, exitUsage, "one FILE"},
	} {
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, test.blob, 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		args := append([]string{"inspect"}, test.args...)
		if status := run(append(args, file), &out, &out); status != test.status || !strings.Contains(out.String(), test.says) {
			t.Errorf("%s: status %d: %s", name, status, out.String())
		}
	}
}

// A sealed file may be larger than what is read of other files.
func TestInspectLargeSealedFile(t *testing.T) {
	blob, err := os.ReadFile(sealedFile(t, "v1-signer.sealed"))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, blob, 0o600); err != nil {
		t.Fatal(err)
	}
	const full = 1_600_000 // chunks: 100 GB
	if err := os.Truncate(file, 192+full*65552+20); err != nil {
		t.Skip(err)
	}
	var stdout, stderr bytes.Buffer
	if status := run([]string{"inspect", file}, &stdout, &stderr); status != exitYes || !strings.Contains(stdout.String(), "content      104857600004 bytes in 1600001 chunks\n") {
		t.Errorf("status %d: %s%s", status, stdout.String(), stderr.String())
	}
}
