package deploy

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"
	"text/template"
)

//go:embed pod.yaml.tmpl
var podTemplate string

//go:embed meta.yaml.tmpl
var metaTemplate string

//go:embed object.yaml.tmpl
var objectTemplate string

// user runs the container where no device asks for another. It owns nothing on
// a node.
const user = 10001

// page is what the templates are filled in with.
type page struct {
	*Pod
	EPC, Memory int // MiB
	User        int // 0 for root
	Meta, Spec  string
}

func (p *Pod) write() ([]byte, error) {
	g := page{Pod: p, EPC: p.Half.EPCMiB(), Memory: p.Half.MemoryMiB(), User: user}
	if p.Quotes == InProcess && p.ProvisionGroup == 0 {
		g.User = 0
	}
	meta, err := fill(metaTemplate, g)
	if err != nil {
		return nil, err
	}
	spec, err := fill(podTemplate, g)
	if err != nil {
		return nil, err
	}
	by := map[Kind]int{OnePod: 2, Deployment: 6}[p.Kind]
	g.Meta, g.Spec = indented(string(meta), by), indented(string(spec), by)
	return fill(objectTemplate, g)
}

func fill(text string, g page) ([]byte, error) {
	t, err := template.New("").Option("missingkey=error").Parse(text)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, g)
	return b.Bytes(), err
}

func indented(text string, by int) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.Repeat(" ", by) + line)
	}
	return b.String()
}

// InProcess reports who makes the quotes, for the templates, as the next two do.
func (g page) InProcess() bool { return g.Quotes == InProcess }

// Webhook reports whether the plugin's webhook does what the manifest of other
// dialects has to.
func (g page) Webhook() bool { return g.Dialect == Intel }

// Socket reports whether the manifest mounts AESM's socket.
func (g page) Socket() bool { return g.Quotes == AESM && !g.Webhook() }

// Resource is the limit by which the scheduler finds a node, and Unit what is
// behind its number.
func (g page) Resource() string {
	switch g.Dialect {
	case AKSLegacy:
		return "kubernetes.azure.com/sgx_epc_mem_in_MiB"
	case ACK:
		return "alibabacloud.com/sgx_epc_MiB"
	}
	return "sgx.intel.com/epc"
}

// Amount is the limit itself: a quantity, or a whole number of MiB.
func (g page) Amount() string {
	if g.Dialect == AKSLegacy || g.Dialect == ACK {
		return fmt.Sprintf(`"%d"`, g.EPC)
	}
	return fmt.Sprintf(`"%dMi"`, g.EPC)
}

// Who is the trusted half, in a line.
func (g page) Who() string {
	s := g.Half.Signed
	if s == nil {
		return fmt.Sprintf("product %d, SVN %d, NOT SIGNED: it does not start on SGX", g.Half.ProductID, g.Half.SVN)
	}
	return fmt.Sprintf("product %d, SVN %d, measurement %x, signer %x", g.Half.ProductID, g.Half.SVN, s.Measurement, s.Signer)
}
