package doctor

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"strings"
)

const (
	qcnlVariable = "QCNL_CONF_PATH"
	qcnlFile     = "etc/sgx_default_qcnl.conf"
)

// qcnlConf is what Intel's quote provider library reads, as far as it matters
// here.
type qcnlConf struct {
	PCCS       string `json:"pccs_url"`
	Secure     *bool  `json:"use_secure_cert"` // true if absent
	Collateral string `json:"collateral_service"`
	LocalPCK   string `json:"local_pck_url"`
}

// service is where collateral comes from.
func (c *qcnlConf) service() string { return cmp.Or(c.Collateral, c.PCCS) }

func (c *qcnlConf) secure() bool { return c.Secure == nil || *c.Secure }

// qcnlPath is where the configuration file is. If it is relative, only whoever
// makes the quotes knows.
func (n *Node) qcnlPath() string {
	name, _ := n.Env(qcnlVariable)
	return cmp.Or(name, "/"+qcnlFile)
}

// named is what a command calls the file where the service is named.
func (n *Node) named() string {
	if name := path.Clean(n.qcnlPath()); pastes(pathPattern, name) {
		return name
	}
	return "$" + qcnlVariable
}

func (n *Node) qcnlConf() (*qcnlConf, error) {
	b, err := n.readQCNL()
	if err != nil {
		return nil, err
	}
	return parseQCNL(b)
}

var errRelative = errors.New("it is relative, and counts from the working directory of whoever makes the quotes")

func (n *Node) readQCNL() ([]byte, error) {
	if !path.IsAbs(n.qcnlPath()) {
		return nil, errRelative
	}
	return n.read(rooted(n.qcnlPath()))
}

// sampleURL is where a caching service often is.
func (n *Node) sampleURL() string {
	host := "localhost"
	if n.inPod() {
		host = "pccs.NAMESPACE.svc"
	}
	return "https://" + host + ":8081/sgx/certification/v4/"
}

func (n *Node) sampleQCNL() string {
	return `{"pccs_url": "` + n.sampleURL() + `", "use_secure_cert": true}`
}

// nameQCNL says how the file is named.
func (n *Node) nameQCNL() string {
	if n.inPod() {
		return "`cleave manifest -quotes inprocess -qcnl /" + qcnlFile + "`"
	}
	return "`export QCNL_CONF_PATH=/" + qcnlFile + "`"
}

func qcnl(_ context.Context, n *Node, r *report) {
	b, err := n.readQCNL()
	name := n.named()
	switch {
	case err == nil:
		n.configured(r, b)
	case errors.Is(err, errRelative):
		r.fail("name it in full, such as "+n.nameQCNL(), "%s: %v", name, err)
	case errors.Is(err, fs.ErrNotExist):
		r.warn("if the quote provider is Intel's, write "+name+", such as "+n.sampleQCNL(), "there is no %s: right for Azure's quote provider, wrong for Intel's", name)
	case errors.Is(err, fs.ErrPermission):
		r.fail("have it opened to this user: `namei -l "+name+"` shows what is closed", "%s: %v", name, cause(err))
	default:
		r.fail("put a regular file there, such as "+n.sampleQCNL()+", or name another: "+n.nameQCNL(), "%s: %v", name, cause(err))
	}
}

// cause leaves out the file's name, which the finding says itself.
func cause(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// configured looks at what the file says.
func (n *Node) configured(r *report, b []byte) {
	name := n.named()
	c, err := parseQCNL(b)
	if err != nil {
		r.fail("correct it; it is JSON, in which comments may stand: "+n.sampleQCNL(), "%s: %v", name, err)
		return
	}
	for _, m := range []struct{ name, url string }{{"pccs_url", c.PCCS}, {"collateral_service", cmp.Or(c.Collateral, c.PCCS)}} {
		if !serviceURL(m.url) {
			r.fail(fmt.Sprintf("give it, such as %q: %q", m.name, n.sampleURL()), "%s: %s is no URL of a caching service, of plain characters and without a password", name, m.name)
			return
		}
	}
	if !c.secure() {
		r.warn(`"use_secure_cert": true, with a certificate the node trusts; what is fetched is signed in any case`,
			"%s: use_secure_cert is false: anybody on the way can withhold or answer", name)
		return
	}
	r.ok("%s names %s", name, c.service())
}

// serviceURL accepts what can be printed, pasted and asked.
func serviceURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && pastes(urlPattern, text) && strings.Contains(u.Path, "/sgx/certification/v")
}

// parseQCNL reads the JSON of today and the KEY=VALUE of before 1.13.
func parseQCNL(b []byte) (*qcnlConf, error) {
	c := new(qcnlConf)
	if text := strings.TrimSpace(string(blank(b))); !strings.HasPrefix(text, "{") {
		return parseOldQCNL(string(b))
	}
	b = blank(b)
	err := json.Unmarshal(b, c)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		at := min(int(syntax.Offset), len(b))
		return nil, fmt.Errorf("line %d: %w%s", 1+bytes.Count(b[:at], []byte("\n")), err, hint(b[:at]))
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// hint names the mistake that is made most.
func hint(before []byte) string {
	before = bytes.TrimSpace(before)
	switch {
	case len(before) < 2:
		return ""
	case before[len(before)-1] == '"':
		return " (is there a comma missing at the end of the line above?)"
	case before[len(before)-1] == '}':
		return " (is there a comma too many before the brace?)"
	}
	return ""
}

// blank puts spaces for comments, so that positions stay.
func blank(b []byte) []byte {
	out := bytes.Clone(b)
	for i := 0; i < len(out); {
		n := 1
		switch {
		case out[i] == '"':
			n = quoted(out[i:])
		case bytes.HasPrefix(out[i:], []byte("//")):
			n = wipe(out[i:], "\n")
		case bytes.HasPrefix(out[i:], []byte("/*")):
			n = wipe(out[i:], "*/")
		}
		i += n
	}
	return out
}

// quoted is the length of the string at the beginning of b.
func quoted(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"', '\n':
			return i + 1
		}
	}
	return len(b)
}

// wipe blanks b up to end and including it, but for line ends, and returns how
// much that was.
func wipe(b []byte, end string) int {
	n := bytes.Index(b, []byte(end))
	if n < 0 {
		n = len(b) - len(end)
	}
	n = max(n+len(end), 0)
	for i := range b[:n] {
		if b[i] != '\n' {
			b[i] = ' '
		}
	}
	return n
}

var errQCNL = errors.New("it is neither JSON nor lines of the form PCCS_URL=…")

func parseOldQCNL(text string) (*qcnlConf, error) {
	c := new(qcnlConf)
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			return nil, errQCNL
		}
		switch strings.TrimSpace(key) {
		case "PCCS_URL":
			c.PCCS = strings.TrimSpace(value)
		case "USE_SECURE_CERT":
			secure := !strings.EqualFold(strings.TrimSpace(value), "false")
			c.Secure = &secure
		}
	}
	if c.PCCS == "" {
		return nil, errQCNL
	}
	return c, nil
}
