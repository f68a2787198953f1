package cleave_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/cleave-sdk/cleave"

// floors has every package, or the folder it is in. A package imports only
// from lower floors.
var floors = [][]string{
	{"internal/lebyte", "internal/nowait", "internal/vectors", "internal/ratio", "internal/inputs"},
	{"internal/sgx", "internal/aesm/aesmpb"},
	{"internal/oe", "internal/aesm", "internal/dcap", "internal/manifest", "internal/issue"},
	{"internal/ratls", "internal/deploy"},
	{"attest", "sealing", "ocall"},
	{"ocall/ocalltest", "ocall/usual", "ocall/quotes", "internal/platform", "internal/sim", "internal/doctor"},
	{"internal/platform/ego", "internal/platform/gramine", "internal/platform/occlum", "internal/aesm/aesmsim", "internal/sim/door", "internal/sim/ert", "internal/sim/world"},
	{"internal/platform/detect", "internal/platform/gramine/gramtest", "internal/platform/occlum/occlumtest"},
	{"enclave", "host"},
	{"enclave/enclavetest"},
	{"cmd", "examples"},
}

// hostSide may use golang.org/x/sys: some of its calls are a literal SYSCALL
// instruction, which is illegal in an enclave.
var hostSide = []string{"internal/sim", "host", "cmd"}

func TestImportsOnlyGoDown(t *testing.T) {
	for pkg, imports := range imported(t) {
		from := floor(pkg)
		if from < 0 {
			t.Errorf("%s is on no floor: give it one in this file", pkg)
		}
		for _, path := range imports {
			to, ours := strings.CutPrefix(path, module+"/")
			if ours && floor(to) >= from && !sameProgram(pkg, to) {
				t.Errorf("%s imports %s, which is not below it", pkg, to)
			}
		}
	}
}

func TestNoCgo(t *testing.T) {
	for pkg, imports := range imported(t) {
		if slices.Contains(imports, "C") {
			t.Errorf("%s uses cgo", pkg)
		}
	}
}

func TestTrustedHalfMakesNoLiteralSystemCalls(t *testing.T) {
	for pkg, imports := range imported(t) {
		for _, path := range imports {
			if strings.HasPrefix(path, "golang.org/x/sys/") && !within(pkg, hostSide) {
				t.Errorf("%s, which may run in an enclave, imports %s", pkg, path)
			}
		}
	}
}

// A client that verifies must not carry what it does not need.
func TestVerifierReachesNeitherHalf(t *testing.T) {
	all := imported(t)
	seen := map[string]bool{}
	var visit func(pkg string)
	visit = func(pkg string) {
		if seen[pkg] {
			return
		}
		seen[pkg] = true
		for _, path := range all[pkg] {
			if to, ours := strings.CutPrefix(path, module+"/"); ours {
				visit(to)
			}
		}
	}
	visit("attest")
	if !seen["internal/dcap"] {
		t.Fatal("attest does not even reach internal/dcap: this test looks at the wrong thing")
	}
	for pkg := range seen {
		if within(pkg, []string{"enclave", "host", "sealing", "ocall", "internal/sim", "internal/platform"}) {
			t.Errorf("attest reaches %s", pkg)
		}
	}
}

// floor is that of the longest folder that has pkg, or -1.
func floor(pkg string) int {
	best, length := -1, 0
	for i, packages := range floors {
		for _, p := range packages {
			if within(pkg, []string{p}) && len(p) > length {
				best, length = i, len(p)
			}
		}
	}
	return best
}

func within(pkg string, folders []string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool {
		return pkg == folder || strings.HasPrefix(pkg, folder+"/")
	})
}

// sameProgram lets a program import its own packages.
func sameProgram(pkg, to string) bool {
	a, b := strings.Split(pkg, "/"), strings.Split(to, "/")
	return floor(pkg) == len(floors)-1 && len(a) > 1 && len(b) > 1 && a[0] == b[0] && a[1] == b[1]
}

// imported returns the imports of every package of the module, by folder,
// from the files that are not tests.
func imported(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || len(d.Name()) > 1 && d.Name()[0] == '.' || anotherModule(name)):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(filepath.Dir(name))
		all[pkg] = append(all[pkg], paths(t, file.Imports)...)
		return nil
	})
	if err != nil || len(all) == 0 {
		t.Fatalf("%d packages: %v", len(all), err)
	}
	return all
}

// anotherModule reports whether a folder has a go.mod of its own, and so may
// need what this module must not.
func anotherModule(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "go.mod"))
	return folder != "." && err == nil
}

func paths(t *testing.T, specs []*ast.ImportSpec) []string {
	t.Helper()
	var all []string
	for _, spec := range specs {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, path)
	}
	return all
}
