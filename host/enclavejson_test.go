package host_test

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/internal/manifest"
)

// documented is what has a row, too, and is in no schema: of EGo's CLI
// reference, what an environment variable does, and what EGo's tools call the
// settings of enclave.json.
var documented = strings.Fields(`
	PWD GOMAXPROCS
	OE_SIMULATION OE_LOG_LEVEL OE_LOG_DETAILED EDG_LOG_FORMAT EDG_EGO_VERBOSE EDG_EGO_PREMAIN
	EDG_MARBLE_COORDINATOR_ADDR EDG_MARBLE_TYPE EDG_MARBLE_DNS_NAMES EDG_MARBLE_UUID_FILE
	Debug NumHeapPages NumStackPages NumTCS ProductID SecurityVersion
`)

// set are the variables that a trusted half has whatever the host has.
func set() (names []string) {
	for _, variable := range manifest.Default("program").Environment(nil) {
		name, _, _ := strings.Cut(variable, "=")
		names = append(names, name)
	}
	return names
}

func TestEveryKeyHasARow(t *testing.T) {
	rows := tableRows(t)
	schema := keys("", reflect.TypeFor[manifest.Manifest]())
	for _, key := range []string{"heapSize", "mounts[].readOnly", "env[].fromHost", "files[].target"} {
		if !slices.Contains(schema, key) {
			t.Errorf("the schema has lost %s", key)
		}
	}
	for _, key := range slices.Concat(documented, set(), schema) {
		found := 0
		for name := range rows {
			if slices.Contains(quoted.FindAllString(name, -1), "`"+key+"`") {
				found++
			}
		}
		if found == 0 {
			t.Errorf("%s has no row", key)
		}
	}
	for name, says := range rows {
		if !verdict.MatchString(says) {
			t.Errorf("%s: does not say whether it is reproduced: %s", name, says)
		}
	}
}

var (
	quoted  = regexp.MustCompile("`[^`]*`")
	verdict = regexp.MustCompile(`^\*\*(Reproduced|Refused|Not reproduced|Not applicable)\b`)
)

// tableRows are those of every table, by their first column.
func tableRows(t *testing.T) map[string]string {
	t.Helper()
	b, err := os.ReadFile("ENCLAVE_JSON.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for line := range strings.Lines(string(b)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 4 || strings.HasPrefix(cells[1], "-") || strings.Contains(cells[2], "In the simulator") {
			continue
		}
		rows[cells[1]] = strings.TrimSpace(cells[2])
	}
	if len(rows) < 20 {
		t.Fatalf("%d rows", len(rows))
	}
	return rows
}

// keys are those of the schema, as paths.
func keys(prefix string, of reflect.Type) (all []string) {
	for field := range of.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" {
			continue
		}
		all = append(all, prefix+name)
		if field.Type.Kind() == reflect.Slice && field.Type.Elem().Kind() == reflect.Struct {
			all = append(all, keys(prefix+name+"[].", field.Type.Elem())...)
		}
	}
	return all
}
