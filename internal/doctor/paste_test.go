package doctor

import (
	"strings"
	"testing"
)

// hostile is what a shell takes for more than a word.
func hostile() []string {
	return []string{"a b", "a;b", "a`b`", "a$b", "a|b", "a&b", "a>b", "a'b", `a"b`, "a\nb", "a\n", "a\x1b[2J", "a(b)", "a*", "a?", "a~", "a!", `a\b`, "a#", "ä", "a%62", "a{b,c}", "a=b", "a@b"}
}

func TestPastes(t *testing.T) {
	for name, row := range map[string]struct {
		pattern, before string // before what is hostile
		good, bad       []string
	}{
		"label": {labelPattern, "", []string{"a", "worker-7", "ip-10-0-0-1.eu.internal", strings.Repeat("a", 253)}, []string{"", "-a", ".a", "A", "a_b", "a/b", strings.Repeat("a", 254)}},
		"group": {groupPattern, "", []string{"sgx_prv", "_a", "a-1", strings.Repeat("a", 32)}, []string{"", "-a", "0", "0a", "A", "a.b", "a/b", strings.Repeat("a", 33)}},
		"path":  {pathPattern, "/", []string{"/", "/etc/sgx_default_qcnl.conf", "/-a", "/A.b"}, []string{"", "a", "./a", "-a", "~/a", "/" + strings.Repeat("a", 255)}},
	} {
		for _, s := range row.good {
			if !pastes(row.pattern, s) {
				t.Errorf("%s: %q is refused", name, s)
			}
		}
		bad := row.bad
		for _, s := range hostile() {
			bad = append(bad, row.before+s)
		}
		for _, s := range bad {
			if pastes(row.pattern, s) {
				t.Errorf("%s: %q is taken", name, s)
			}
		}
	}
}

func TestServiceURL(t *testing.T) {
	const path = "/sgx/certification/v4/"
	for _, host := range []string{"https://a", "http://a:8081", "HTTPS://A.b-c_d", "https://[::1]:8081", "https://127.0.0.1"} {
		if !serviceURL(host + path) {
			t.Errorf("%s is refused", host+path)
		}
	}
	for _, bad := range []string{
		"", path, "a" + path, "ftp://a" + path, "https://" + path, "https:a" + path, "https://a/", "https://a" + path + "?b=c", "https://a" + path + "#b",
		"https://user:password@a" + path, "https://user@a" + path, "https://@a" + path, "https://-a" + path, "https://[::1" + path, "https://a:b" + path,
	} {
		if serviceURL(bad) {
			t.Errorf("%s is taken", bad)
		}
	}
	for _, bad := range hostile() {
		if serviceURL("https://a" + path + bad) {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestRooted(t *testing.T) {
	for name, want := range map[string]string{"": ".", "/": ".", "//": ".", "/etc//x": "etc/x", "//.dcap-qcnl": ".dcap-qcnl", "/a/../../b/": "b", "a": "a"} {
		if got := rooted(name); got != want {
			t.Errorf("%q: %q, not %q", name, got, want)
		}
	}
}
