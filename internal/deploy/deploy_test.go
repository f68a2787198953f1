package deploy_test

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	diff "github.com/google/go-cmp/cmp"

	"github.com/cleave-sdk/cleave/internal/deploy"
)

var update = flag.Bool("update", false, "write the golden files")

// good is deployed on every dialect.
func good() deploy.Pod {
	return deploy.Pod{
		Name: "orders", Image: "registry.example:5000/shop/orders:1.0@sha256:" + strings.Repeat("0f", 32),
		Dialect: deploy.AKS, Quotes: deploy.AESM,
		Half: &deploy.Half{HeapMiB: 512, ImageBytes: 9 << 20, ProductID: 1, SVN: 2, Signed: &deploy.Signed{Measurement: [32]byte{0xAA}, Signer: [32]byte{0xBB}}},
	}
}

// golden are the manifests in testdata, by name.
func golden() map[string]func(*deploy.Pod) {
	return map[string]func(*deploy.Pod){
		"aks-aesm":              func(*deploy.Pod) {},
		"aks-aesm-pod":          func(p *deploy.Pod) { p.Kind = deploy.OnePod },
		"aks-aesm-claim":        func(p *deploy.Pod) { p.Claim, p.Port, p.Status = "orders-data", 4433, 9090 },
		"aks-inprocess":         func(p *deploy.Pod) { p.Quotes, p.QCNL = deploy.InProcess, "/etc/sgx_default_qcnl_azure.conf" },
		"aks-inprocess-pod":     func(p *deploy.Pod) { p.Quotes, p.Kind = deploy.InProcess, deploy.OnePod },
		"aks-inprocess-group":   func(p *deploy.Pod) { p.Quotes, p.ProvisionGroup = deploy.InProcess, 121 },
		"aks-legacy-aesm":       func(p *deploy.Pod) { p.Dialect = deploy.AKSLegacy },
		"aks-legacy-aesm-pod":   func(p *deploy.Pod) { p.Dialect, p.Kind = deploy.AKSLegacy, deploy.OnePod },
		"intel-aesm":            func(p *deploy.Pod) { p.Dialect = deploy.Intel },
		"intel-aesm-pod":        func(p *deploy.Pod) { p.Dialect, p.Kind = deploy.Intel, deploy.OnePod },
		"intel-inprocess":       func(p *deploy.Pod) { p.Dialect, p.Quotes = deploy.Intel, deploy.InProcess },
		"intel-inprocess-group": func(p *deploy.Pod) { p.Dialect, p.Quotes, p.ProvisionGroup = deploy.Intel, deploy.InProcess, 121 },
		"intel-inprocess-pod":   func(p *deploy.Pod) { p.Dialect, p.Quotes, p.Kind = deploy.Intel, deploy.InProcess, deploy.OnePod },
		"ack-aesm":              func(p *deploy.Pod) { p.Dialect = deploy.ACK },
		"ack-aesm-pod":          func(p *deploy.Pod) { p.Dialect, p.Kind = deploy.ACK, deploy.OnePod },
		"debug-unsigned": func(p *deploy.Pod) {
			p.Half.Debug, p.Half.Signed = true, nil
			p.Allow = deploy.Allow{Debug: true, Unsigned: true}
		},
		// Names that YAML takes for something else.
		"number-pod": func(p *deploy.Pod) { p.Name, p.Image, p.Claim, p.Kind = "007", "1", "1e3", deploy.OnePod },
		"word-pod":   func(p *deploy.Pod) { p.Name, p.Image, p.Claim, p.Kind = "null", "true", "no", deploy.OnePod },
	}
}

// TestGolden compares with files that the Kubernetes API's own types decode:
// see kubetest.
func TestGolden(t *testing.T) {
	for name, change := range golden() {
		t.Run(name, func(t *testing.T) {
			p := good()
			change(&p)
			got, err := p.YAML()
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", name+".yaml")
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if d := diff.Diff(string(want), string(got)); d != "" {
				t.Errorf("go test -update makes the files anew:\n%s", d)
			}
		})
	}
}

func TestNothingElseIsInTestdata(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) != len(golden()) {
		t.Errorf("%d files for %d manifests: %v", len(files), len(golden()), err)
	}
}

// Lines that belong to one dialect, whatever else changes.
func TestDialects(t *testing.T) {
	const (
		aesm      = `SGX_AESM_ADDR`
		mounted   = `mountPath: /var/run/aesmd`
		provision = `sgx.intel.com/provision: "1"`
		enclave   = `sgx.intel.com/enclave: "1"`
		root      = `runAsUser: 0`
		nonRoot   = `runAsNonRoot: true`
		epc       = `sgx.intel.com/epc: "736Mi"`
		legacy    = `kubernetes.azure.com/sgx_epc_mem_in_MiB: "736"`
		ack       = `alibabacloud.com/sgx_epc_MiB: "736"`
		tolerated = `key: alibabacloud.com/sgx_epc_MiB`
		labelled  = `key: alibabacloud.com/tee-hardware-category`
		byAESM    = `sgx.intel.com/quote-provider: "aesmd"`
		byItself  = `sgx.intel.com/quote-provider: "orders"`
	)
	all := []string{aesm, mounted, provision, enclave, root, nonRoot, epc, legacy, ack, tolerated, labelled, byAESM, byItself}
	for name, has := range map[string][]string{
		"aks-aesm":              {aesm, mounted, nonRoot, epc},
		"aks-inprocess":         {provision, root, epc},
		"aks-inprocess-group":   {provision, nonRoot, epc},
		"aks-legacy-aesm":       {aesm, mounted, nonRoot, legacy},
		"intel-aesm":            {enclave, nonRoot, epc, byAESM},
		"intel-inprocess":       {provision, enclave, root, epc, byItself},
		"intel-inprocess-group": {provision, enclave, nonRoot, epc, byItself},
		"ack-aesm":              {aesm, mounted, nonRoot, ack, tolerated, labelled},
	} {
		p := good()
		golden()[name](&p)
		text, err := p.YAML()
		if err != nil {
			t.Fatal(err)
		}
		lines := withoutComments(string(text))
		for _, line := range all {
			want := false
			for _, h := range has {
				want = want || h == line
			}
			if strings.Contains(lines, line) != want {
				t.Errorf("%s: %s: there is %t, wanted %t", name, line, !want, want)
			}
		}
	}
}

func withoutComments(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			b.WriteString(line)
		}
	}
	return b.String()
}

func TestEPC(t *testing.T) {
	for name, c := range map[string]struct {
		half deploy.Half
		want int
	}{
		"nothing":          {deploy.Half{}, 128 + 64},
		"a byte":           {deploy.Half{HeapMiB: 16, ImageBytes: 1}, 16 + 128 + 32 + 64},
		"to the last byte": {deploy.Half{HeapMiB: 16, ImageBytes: 32 << 20}, 16 + 128 + 32 + 64},
		"a byte more":      {deploy.Half{HeapMiB: 16, ImageBytes: 32<<20 + 1}, 16 + 128 + 64 + 64},
	} {
		if got := c.half.EPCMiB(); got != c.want {
			t.Errorf("%s: %d MiB, not %d", name, got, c.want)
		}
		if got := c.half.MemoryMiB(); got != c.want+256 {
			t.Errorf("%s: %d MiB of memory", name, got)
		}
	}
}

// What is asked for is bounded before it is added up.
func TestLargestEPC(t *testing.T) {
	const most = 2 << 20 // MiB, 2 TiB
	for name, c := range map[string]struct {
		heap  int
		image int64
		says  string
	}{
		"the largest":                {most - 128 - 64, 0, ""},
		"a MiB more":                 {most - 128 - 64 + 1, 0, "heap and executable together"},
		"the largest, with an image": {most - 128 - 64 - 32, 32 << 20, ""},
		"a byte of image more":       {most - 128 - 64 - 32, 32<<20 + 1, "heap and executable together"},
		"a heap of all":              {most, 0, "heap and executable together"},
		"a heap of more":             {most + 1, 0, "correct heapSize"},
		"the largest number":         {math.MaxInt, 0, "correct heapSize"},
		"one that wraps around":      {math.MaxInt - 128, 0, "correct heapSize"},
		"below zero":                 {-1, 0, "correct heapSize"},
		"an image of all":            {0, most << 20, "heap and executable together"},
		"the largest image":          {0, math.MaxInt64, "heap and executable together"},
		"an image below zero":        {256, -1, "heap and executable together"},
	} {
		p := good()
		p.Half.HeapMiB, p.Half.ImageBytes = c.heap, c.image
		text, err := p.YAML()
		switch {
		case c.says == "":
			if err != nil || !strings.Contains(string(text), fmt.Sprintf("sgx.intel.com/epc: \"%dMi\"\n", most)) {
				t.Errorf("%s: %v", name, err)
			}
		case err == nil || text != nil || !strings.Contains(err.Error(), c.says):
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The ports are where the probes go, what is published, and what the host half
// is told.
func TestPorts(t *testing.T) {
	for port, status := range map[int]int{0: 0, 8443: 8080, 4433: 9090, 1024: 65535} {
		p := good()
		p.Port, p.Status = port, status
		text, err := p.YAML()
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]int{"attested": cmp.Or(port, 8443), "status": cmp.Or(status, 8080)} {
			published := fmt.Sprintf("- name: %s\n              containerPort: %d\n", name, want)
			told := fmt.Sprintf("- name: %s_PORT\n              value: \"%d\"\n", strings.ToUpper(name), want)
			if strings.Count(string(text), published) != 1 || strings.Count(string(text), told) != 1 {
				t.Errorf("%d and %d: no\n%s%s", port, status, published, told)
			}
		}
		if strings.Count(string(text), "port: status\n") != 2 {
			t.Errorf("%d and %d: probes go elsewhere", port, status)
		}
	}
}

func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*deploy.Pod)
		says   string
	}{
		"nothing at all":          {func(p *deploy.Pod) { *p = deploy.Pod{} }, "which name? give -name, a DNS label"},
		"no trusted half":         {func(p *deploy.Pod) { p.Half = nil }, "name its enclave.json"},
		"no name":                 {func(p *deploy.Pod) { p.Name = "" }, "which name? give -name, a DNS label"},
		"no image":                {func(p *deploy.Pod) { p.Image = "" }, "which image? give -image, an image reference"},
		"no dialect":              {func(p *deploy.Pod) { p.Dialect = 0 }, "which cluster?"},
		"a dialect of tomorrow":   {func(p *deploy.Pod) { p.Dialect = deploy.ACK + 1 }, "which cluster?"},
		"no quotes":               {func(p *deploy.Pod) { p.Quotes = 0 }, "who makes the quotes?"},
		"both":                    {func(p *deploy.Pod) { p.Quotes = deploy.InProcess | deploy.AESM }, "who makes the quotes?"},
		"a kind of tomorrow":      {func(p *deploy.Pod) { p.Kind = 3 }, "what kind of object?"},
		"ACK in process":          {func(p *deploy.Pod) { p.Dialect, p.Quotes = deploy.ACK, deploy.InProcess }, "ACK has no resource for /dev/sgx_provision"},
		"legacy in process":       {func(p *deploy.Pod) { p.Dialect, p.Quotes = deploy.AKSLegacy, deploy.InProcess }, "choose -dialect aks"},
		"AESM and a group":        {func(p *deploy.Pod) { p.ProvisionGroup = 121 }, "are for quotes made in process"},
		"AESM and a qcnl":         {func(p *deploy.Pod) { p.QCNL = "/etc/qcnl.conf" }, "are for quotes made in process"},
		"a group below zero":      {func(p *deploy.Pod) { p.Quotes, p.ProvisionGroup = deploy.InProcess, -1 }, "a group's number"},
		"a group too large":       {func(p *deploy.Pod) { p.Quotes, p.ProvisionGroup = deploy.InProcess, 1<<31 }, "a group's number"},
		"the sidecar's name":      {func(p *deploy.Pod) { p.Dialect, p.Name = deploy.Intel, "aesmd" }, "Intel's sidecar"},
		"a port with a privilege": {func(p *deploy.Pod) { p.Port = 443 }, "takes no privilege"},
		"a port below zero":       {func(p *deploy.Pod) { p.Status = -1 }, "takes no privilege"},
		"a port too large":        {func(p *deploy.Pod) { p.Status = 65536 }, "takes no privilege"},
		"one port for two":        {func(p *deploy.Pod) { p.Port = 8080 }, "8080 is both"},
		"unsigned":                {func(p *deploy.Pod) { p.Half.Signed = nil }, "-allow-unsigned"},
		"unsigned, debug allowed": {func(p *deploy.Pod) { p.Half.Signed, p.Allow.Debug = nil, true }, "-allow-unsigned"},
		"debug":                   {func(p *deploy.Pod) { p.Half.Debug = true }, "-allow-debug"},
		"debug, unsigned allowed": {func(p *deploy.Pod) { p.Half.Debug, p.Allow.Unsigned = true, true }, "-allow-debug"},
		"a heap of petabytes":     {func(p *deploy.Pod) { p.Half.HeapMiB = 1 << 40 }, "larger than any EPC"},
	} {
		p := good()
		c.change(&p)
		text, err := p.YAML()
		if err == nil || text != nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
}

// All that is wrong with the question is said at once, and before anything of
// the trusted half, which has two faults of its own.
func TestQuestionFirst(t *testing.T) {
	p := deploy.Pod{Half: &deploy.Half{HeapMiB: -1, Debug: true}, Kind: 7, Port: 1, ProvisionGroup: -1}
	_, err := p.YAML()
	if checked := p.Check(); err == nil || checked == nil || err.Error() != checked.Error() || errors.Is(err, deploy.ErrUnsigned) || errors.Is(err, deploy.ErrDebug) {
		t.Errorf("%v; checked: %v", err, checked)
	}
	for _, says := range []string{"give -name", "give -image", "choose the -dialect", "choose -quotes", "choose -kind", "takes no privilege", "a group's number"} {
		if !strings.Contains(fmt.Sprint(err), says) {
			t.Errorf("%s is not in: %v", says, err)
		}
	}
	p = good()
	p.Half = &deploy.Half{HeapMiB: -1, Debug: true}
	if _, err := p.YAML(); err == nil || errors.Is(err, deploy.ErrUnsigned) || errors.Is(err, deploy.ErrDebug) {
		t.Errorf("a heap below zero: %v", err)
	}
	p.Half = &deploy.Half{HeapMiB: 256, Debug: true}
	if _, err := p.YAML(); p.Check() != nil || !errors.Is(err, deploy.ErrUnsigned) || !errors.Is(err, deploy.ErrDebug) {
		t.Errorf("%v; checked: %v", err, p.Check())
	}
}

// hostile would be something else in YAML, in a shell or in Kubernetes.
func hostile() []string {
	return []string{
		"a\nb", "a\r", "a\n", "a: b", "a #b", `a"b`, `"`, "a'b", "{{.Name}}", "${A}", "$(id)", "`id`", "a b", " a", "a\t", "\x00", "a\x7f",
		"*a", "&a", "!!str", "- a", "? a", "[a]", "{a}", "|", ">", "%", "@", "a\u2028b", "ä", "\ufeffa", "-a", "a-", ".", "..", "../a", "a/../b", "A_", "~",
		"/..", "/../../x", "/etc/../x", "/etc/..", "/.", "/./x", "/...", "/etc//x", "/x/", "/",
	}
}

func TestHostileValues(t *testing.T) {
	for _, value := range hostile() {
		for what, set := range map[string]func(*deploy.Pod){
			"name":  func(p *deploy.Pod) { p.Name = value },
			"image": func(p *deploy.Pod) { p.Image = value },
			"claim": func(p *deploy.Pod) { p.Claim = value },
			"qcnl":  func(p *deploy.Pod) { p.Quotes, p.QCNL = deploy.InProcess, value },
		} {
			p := good()
			set(&p)
			text, err := p.YAML()
			if err == nil {
				t.Errorf("%s %q was taken:\n%s", what, value, text)
			} else if strings.ContainsAny(err.Error(), "\x00\r\t") || strings.Count(err.Error(), "\n") > 0 {
				t.Errorf("%s %q: the error itself is odd: %q", what, value, err)
			}
		}
	}
}

func TestLongValues(t *testing.T) {
	for length, ok := range map[int]bool{1: true, 63: true, 64: false} {
		p := good()
		p.Name = strings.Repeat("a", length)
		if _, err := p.YAML(); (err == nil) != ok {
			t.Errorf("a name of %d: %v", length, err)
		}
	}
	for length, ok := range map[int]bool{1: true, 255: true, 256: false} {
		p := good()
		p.Image = strings.Repeat("a", length)
		if _, err := p.YAML(); (err == nil) != ok {
			t.Errorf("an image of %d: %v", length, err)
		}
	}
}

func TestImages(t *testing.T) {
	for image, ok := range map[string]bool{
		"orders":                                 true,
		"orders:1.0":                             true,
		"shop/orders":                            true,
		"ghcr.io/owner/orders:v1":                true,
		"localhost:5000/orders":                  true,
		"a@sha256:" + strings.Repeat("0a", 32):   true,
		"a:b@sha256:" + strings.Repeat("0a", 32): true,
		"a@sha256:" + strings.Repeat("0A", 32):   false,
		"a@sha256:" + strings.Repeat("0a", 31):   false,
		"a@md5:0a":                               false,
		"Orders":                                 false,
		"a//b":                                   false,
		"/a":                                     false,
		"a/":                                     false,
		"a:":                                     false,
		"a:-1":                                   false,
		"a@":                                     false,
		"https://ghcr.io/a":                      false,
		"a___b":                                  false,
		"user@registry.example/a":                false,
		fmt.Sprintf("a:%s", strings.Repeat("b", 129)): false,
	} {
		p := good()
		p.Image = image
		if _, err := p.YAML(); (err == nil) != ok {
			t.Errorf("%s: %v", image, err)
		}
	}
}

func TestWords(t *testing.T) {
	var d deploy.Dialect
	var q deploy.Quotes
	var k deploy.Kind
	for _, word := range []string{"", "AKS", "aks ", "both", "aesm,inprocess", "0", "1", "Dialect(0)", "job", "\n"} {
		if d.UnmarshalText([]byte(word)) == nil || q.UnmarshalText([]byte(word)) == nil || k.UnmarshalText([]byte(word)) == nil {
			t.Errorf("%q was taken", word)
		}
	}
	for _, want := range []deploy.Dialect{deploy.AKS, deploy.AKSLegacy, deploy.Intel, deploy.ACK} {
		if text, _ := want.MarshalText(); d.UnmarshalText(text) != nil || d != want {
			t.Errorf("%v: %v", want, d)
		}
	}
	if err := q.UnmarshalText([]byte("both")); err == nil || !strings.Contains(err.Error(), "a container has one") {
		t.Errorf("both: %v", err)
	}
	if got := deploy.Dialect(0).String() + deploy.Quotes(9).String() + deploy.Kind(0).String(); got != "Dialect(0)Quotes(9)Kind(0)" {
		t.Error(got)
	}
}

// YAML changes nothing that it is given.
func TestPodIsNotChanged(t *testing.T) {
	p, want := good(), good()
	p.Half = want.Half
	if _, err := p.YAML(); err != nil || p != want {
		t.Errorf("%+v, %v", p, err)
	}
}
