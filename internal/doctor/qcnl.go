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

// qcnlName is the configuration file's name, as in Files.
func (n *Node) qcnlName() string {
	name, _ := n.Env(qcnlVariable)
	return strings.TrimPrefix(cmp.Or(name, "/"+qcnlFile), "/")
}

func (n *Node) qcnlConf() (*qcnlConf, error) {
	b, err := n.read(n.qcnlName())
	if err != nil {
		return nil, err
	}
	return parseQCNL(b)
}

func qcnl(_ context.Context, n *Node, r *report) {
	const sample = `{"pccs_url": "https://localhost:8081/sgx/certification/v4/", "use_secure_cert": true}`
	name := "/" + n.qcnlName()
	c, err := n.qcnlConf()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.warn("if the quote provider is Intel's, write "+name+", such as "+sample, "there is no %s: right for Azure's quote provider, wrong for Intel's", name)
		return
	case err != nil:
		r.fail("correct it; it is JSON, in which comments may stand: "+sample, "%s: %v", name, err)
		return
	}
	for _, m := range []struct{ name, url string }{{"pccs_url", c.PCCS}, {"collateral_service", cmp.Or(c.Collateral, c.PCCS)}} {
		if !serviceURL(m.url) {
			r.fail("give "+m.name+" as in "+sample, "%s: %s is no URL of a caching service, of plain characters and without a password", name, m.name)
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
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil && u.RawQuery == "" &&
		strings.Contains(u.Path, "/sgx/certification/v") && strings.IndexFunc(text, unusual) < 0
}

func unusual(r rune) bool {
	letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	return !letter && !strings.ContainsRune(":/._-[]", r)
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
