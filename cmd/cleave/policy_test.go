package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/attest"
)

// TestPolicyDraft takes in every line of a draft that is commented out: all of
// them together are a policy, with every field there is.
func TestPolicyDraft(t *testing.T) {
	m, err := newMachine()
	if err != nil {
		t.Fatal(err)
	}
	quote, err := m.quote(0)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "a\n\"quote\"")
	if err := os.WriteFile(name, quote, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"policy", "init"}, {"policy", "init", "-from", name}} {
		var stdout, stderr bytes.Buffer
		if status := run(args, &stdout, &stderr); status != exitYes {
			t.Fatalf("%v: exit status %d: %s", args, status, stderr.String())
		}
		text := stdout.String()
		if _, err := attest.ParsePolicy([]byte(text)); err != nil {
			t.Errorf("%v: %v", args, err)
		}
		lines := regexp.MustCompile(`(?m)^  // ("\w+": .*,)$`)
		for _, line := range lines.FindAllString(text, -1) {
			one := strings.Replace(text, line, strings.Replace(line, "// ", "", 1), 1)
			if _, err := attest.ParsePolicy([]byte(one)); err != nil {
				t.Errorf("%v: with %s: %v", args, line, err)
			}
		}
		p, err := attest.ParsePolicy([]byte(lines.ReplaceAllString(text, "$1")))
		if err != nil {
			t.Fatal(err)
		}
		for i, v := 0, reflect.ValueOf(*p); i < v.NumField(); i++ {
			if name := v.Type().Field(i).Name; !strings.Contains(strings.ToLower(text), `"`+strings.ToLower(name)+`":`) {
				t.Errorf("%v: nothing is said of %s", args, name)
			}
		}
	}
}
