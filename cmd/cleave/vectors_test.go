package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/bits"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/internal/vectors"
)

// genuine is the list of genuine data.
type genuine struct {
	Quotes []struct {
		File, TEE, MRENCLAVE, MRSIGNER, ReportData, FMSPC, PCEID, Attributes, CPUSVN, MiscSelect string
		Version, CertDataType                                                                    int
		Debug                                                                                    bool
		ProductID                                                                                uint16 `json:"isvprodid"`
		SVN                                                                                      uint16 `json:"isvsvn"`
	}
	Vectors []vectors.Vector
}

func readGenuine(t *testing.T) (dir string, g genuine) {
	t.Helper()
	if err := json.Unmarshal(vectors.Read(t, "vectors.json"), &g); err != nil {
		t.Fatal(err)
	}
	return vectors.Dir(t), g
}

// inspected runs the command.
func inspected(t *testing.T, args ...string) (v verdict, status int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	status = run(append([]string{"inspect", "-json"}, args...), &stdout, &stderr)
	d := json.NewDecoder(&stdout)
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil || stderr.Len() != 0 {
		t.Fatalf("%v: %v, standard error %q", args, err, stderr.String())
	}
	return v, status
}

// TestGenuineQuotes compares with what Intel's own library says.
func TestGenuineQuotes(t *testing.T) {
	dir, g := readGenuine(t)
	judged, beneath := map[string]int{}, 0
	for _, x := range g.Vectors {
		name := filepath.Base(x.Quote) + " with " + filepath.Base(x.Collateral)
		v, status := inspected(t, "-collateral", filepath.Join(dir, x.Collateral), "-time", strconv.FormatInt(x.Unix, 10), filepath.Join(dir, x.Quote))
		if v.TEE != x.TEE || int(v.Version) != x.Version || (v.TD != nil) != (x.TEE == "tdx") || (v.Enclave != nil) != (x.TEE == "sgx") {
			t.Errorf("%s: %+v; want %s version %d", name, v, x.TEE, x.Version)
		}
		if x.Status == "(no matching level)" {
			if status != exitNo || v.Authentic || v.TCB != nil || !strings.Contains(v.Error, "TCB_NOT_SUPPORTED") {
				t.Errorf("%s: exit status %d, %+v", name, status, v)
			}
			beneath++
			continue
		}
		if status != exitYes || !v.Authentic || !v.IntelRoot || v.Error != "" || v.TCB == nil {
			t.Errorf("%s: exit status %d, %+v", name, status, v)
			continue
		}
		if v.TCB.Status != x.Status || v.TCB.Date != x.TCBDate || !slices.Equal(sorted(v.TCB.Advisories), sorted(x.Advisories)) || v.Stale {
			t.Errorf("%s: %+v; want %+v", name, v.TCB, x)
		}
		judged[x.TEE]++
	}
	t.Logf("%v genuine quotes judged as Intel's library does, and %d refused that are beneath all levels", judged, beneath)
	if judged["sgx"] == 0 || judged["tdx"] == 0 || beneath == 0 {
		t.Error("some kind of vector is missing")
	}
}

func sorted(s []string) []string { return slices.Compact(slices.Sorted(slices.Values(s))) }

// TestGenuineFields compares what is decoded without collateral.
func TestGenuineFields(t *testing.T) {
	dir, g := readGenuine(t)
	decoded, domains, unsupported := 0, 0, 0
	for _, x := range g.Quotes {
		v, status := inspected(t, filepath.Join(dir, x.File))
		if v.Authentic || v.TCB != nil || v.TEE != x.TEE || int(v.Version) != x.Version {
			t.Errorf("%s: %+v", x.File, v)
		}
		switch {
		case x.CertDataType != 5:
			if status != exitNo || !strings.Contains(v.Error, "unsupported") || v.Measurement != "" {
				t.Errorf("%s: exit status %d, %+v", x.File, status, v)
			}
			unsupported++
		case x.TEE == "tdx":
			if status != exitYes || v.TD == nil || v.Measurement != "" || v.ReportData != x.ReportData || v.FMSPC != x.FMSPC || v.Debug != x.Debug || !v.IntelRoot {
				t.Errorf("%s: exit status %d, %+v", x.File, status, v)
			}
			domains++
		default:
			got := []any{v.Measurement, v.Signer, v.ProductID, v.SVN, v.Debug, v.ReportData, v.FMSPC, v.IntelRoot, v.Error, status,
				v.Platform.PCEID, v.Enclave.Attributes.String(), v.Enclave.CPUSVN, fmt.Sprintf("%08x", bits.ReverseBytes32(v.Enclave.MiscSelect))}
			want := []any{x.MRENCLAVE, x.MRSIGNER, x.ProductID, x.SVN, x.Debug, x.ReportData, x.FMSPC, true, "", exitYes,
				x.PCEID, x.Attributes, x.CPUSVN, x.MiscSelect}
			if !slices.Equal(got, want) {
				t.Errorf("%s: %v; want %v", x.File, got, want)
			}
			decoded++
		}
	}
	t.Logf("%d enclaves and %d trust domains decoded, %d unsupported", decoded, domains, unsupported)
	if decoded == 0 || domains == 0 || unsupported == 0 {
		t.Error("some kind of quote is missing")
	}
}

// TestNotGenuine: nothing that is not genuine is authentic, whatever it is
// held against.
func TestNotGenuine(t *testing.T) {
	dir, g := readGenuine(t)
	times := map[string]int64{}
	for _, x := range g.Vectors {
		times[x.Collateral] = x.Unix
	}
	files, err := filepath.Glob(filepath.Join(dir, "nongenuine", "*.bin"))
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	tried := 0
	for _, file := range files {
		inspected(t, file) // decoded, perhaps
		for _, collateral := range slices.Sorted(maps.Keys(times)) {
			v, status := inspected(t, "-collateral", filepath.Join(dir, collateral), "-time", strconv.FormatInt(times[collateral], 10), file)
			if status != exitNo || v.Authentic || v.TCB != nil || v.Error == "" {
				t.Errorf("%s with %s: exit status %d, %+v", file, collateral, status, v)
			}
			tried++
		}
	}
	t.Logf("%d files that are not genuine refused %d times", len(files), tried)
}
