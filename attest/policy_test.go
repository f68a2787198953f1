package attest_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/attest"
)

var (
	build  = attest.Measurement{1}
	signer = attest.Signer{2}
)

// good is a report that every policy below would accept but for its one fault.
func good() *attest.Report {
	return &attest.Report{
		Identity: attest.Identity{Measurement: build, Signer: signer, ProductID: 3, SVN: 4},
		TCB:      attest.TCB{Status: attest.UpToDate},
	}
}

func TestPolicy(t *testing.T) {
	byBuild := attest.Policy{Builds: []attest.Measurement{{9}, build}}
	byProduct := attest.Policy{Products: []attest.Product{attest.SignedBy(attest.Signer{9}, 3, 4), attest.SignedBy(signer, 3, 4)}}
	product := func(id, minSVN uint16) attest.Policy {
		return attest.Policy{Products: []attest.Product{attest.SignedBy(signer, id, minSVN)}}
	}
	accepting := func(statuses ...attest.TCBStatus) attest.Policy {
		return attest.Policy{Builds: byBuild.Builds, TCB: statuses}
	}
	status := func(s attest.TCBStatus) func(*attest.Report) {
		return func(r *attest.Report) { r.TCB.Status = s }
	}
	debug := func(r *attest.Report) { r.Debug = true }
	same := func(*attest.Report) {}

	tests := map[string]struct {
		policy attest.Policy
		change func(*attest.Report)
		rule   string // that is not satisfied; "" if trusted
	}{
		"zero policy":                   {attest.Policy{}, same, "builds, products"},
		"zero policy, zero report":      {attest.Policy{}, func(r *attest.Report) { *r = attest.Report{} }, "builds, products"},
		"zero policy that allows debug": {attest.Policy{AllowDebug: true, TCB: []attest.TCBStatus{attest.UpToDate}}, same, "builds, products"},
		"zero product":                  {attest.Policy{Products: []attest.Product{{}}}, same, "builds, products"},
		"zero product, zero identity":   {attest.Policy{Products: []attest.Product{{}}}, func(r *attest.Report) { r.Identity = attest.Identity{} }, "builds, products"},
		"build":                         {byBuild, same, ""},
		"other build":                   {byBuild, func(r *attest.Report) { r.Measurement[31]++ }, "builds, products"},
		"other build of the signer":     {byProduct, func(r *attest.Report) { r.Measurement[31]++ }, ""},
		"signer as build":               {attest.Policy{Builds: []attest.Measurement{attest.Measurement(signer)}}, same, "builds, products"},
		"product":                       {byProduct, same, ""},
		"newer SVN":                     {byProduct, func(r *attest.Report) { r.SVN = 65535 }, ""},
		"SVN below":                     {byProduct, func(r *attest.Report) { r.SVN = 3 }, "builds, products"},
		"SVN 0 and no minimum":          {product(3, 0), func(r *attest.Report) { r.SVN = 0 }, ""},
		"other product":                 {byProduct, func(r *attest.Report) { r.ProductID = 2 }, "builds, products"},
		"higher product":                {byProduct, func(r *attest.Report) { r.ProductID = 4 }, "builds, products"},
		"product 0 is no wildcard":      {product(0, 0), same, "builds, products"},
		"other signer":                  {byProduct, func(r *attest.Report) { r.Signer[0]++ }, "builds, products"},
		"zero signer":                   {byProduct, func(r *attest.Report) { r.Signer = attest.Signer{} }, "builds, products"},
		"other build, but product":      {attest.Policy{Builds: []attest.Measurement{{9}}, Products: byProduct.Products}, same, ""},
		"debug build":                   {byBuild, debug, "allowDebug"},
		"debug product":                 {byProduct, debug, "allowDebug"},
		"debug allowed":                 {attest.Policy{Builds: byBuild.Builds, AllowDebug: true}, debug, ""},
		"production where debug may be": {attest.Policy{Builds: byBuild.Builds, AllowDebug: true}, same, ""},

		"UpToDate by default":                          {byBuild, status(attest.UpToDate), ""},
		"SWHardeningNeeded by default":                 {byBuild, status(attest.SWHardeningNeeded), ""},
		"ConfigurationNeeded by default":               {byBuild, status(attest.ConfigurationNeeded), "tcb"},
		"ConfigurationAndSWHardeningNeeded by default": {byBuild, status(attest.ConfigurationAndSWHardeningNeeded), "tcb"},
		"OutOfDate by default":                         {byBuild, status(attest.OutOfDate), "tcb"},
		"OutOfDateConfigurationNeeded by default":      {byBuild, status(attest.OutOfDateConfigurationNeeded), "tcb"},
		"Revoked by default":                           {byBuild, status(attest.Revoked), "tcb"},
		"not judged by default":                        {byBuild, status(0), "tcb"},
		"a status that is none":                        {byBuild, status(99), "tcb"},
		"not judged, and zero accepted":                {accepting(0), status(0), "tcb"},
		"no status accepted":                           {attest.Policy{Builds: byBuild.Builds, TCB: []attest.TCBStatus{}}, same, "tcb"},
		"only OutOfDate accepted":                      {accepting(attest.OutOfDate), same, "tcb"},
		"OutOfDate accepted":                           {accepting(attest.UpToDate, attest.OutOfDate), status(attest.OutOfDate), ""},
		"only UpToDate accepted":                       {accepting(attest.UpToDate), status(attest.SWHardeningNeeded), "tcb"},
		"Revoked asked for":                            {accepting(attest.Revoked), status(attest.Revoked), ""},
		"debug and OutOfDate":                          {byBuild, func(r *attest.Report) { debug(r); r.TCB.Status = attest.OutOfDate }, "allowDebug"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := good()
			test.change(r)
			err := test.policy.Check(r)
			if test.rule == "" {
				check(t, err)
				return
			}
			var p *attest.PolicyError
			if !errors.Is(err, attest.ErrPolicy) || !errors.As(err, &p) || p.Rule != test.rule {
				t.Errorf("%v; want the rule %q", err, test.rule)
			}
		})
	}
}

func TestPolicyJSON(t *testing.T) {
	policies := map[string]attest.Policy{
		"zero":                {},
		"build":               {Builds: []attest.Measurement{build}},
		"products":            {Products: []attest.Product{attest.SignedBy(signer, 0, 0), attest.SignedBy(signer, 65535, 65535)}},
		"everything":          {Builds: []attest.Measurement{build, {}}, Products: []attest.Product{attest.SignedBy(signer, 1, 2)}, TCB: []attest.TCBStatus{attest.OutOfDate, attest.Revoked}, AllowDebug: true},
		"no status accepted":  {Builds: []attest.Measurement{build}, TCB: []attest.TCBStatus{}},
		"one status accepted": {TCB: []attest.TCBStatus{attest.UpToDate}},
	}
	for name, policy := range policies {
		b := must(json.Marshal(policy))(t)
		var back attest.Policy
		unmarshal(t, b, &back)
		if !reflect.DeepEqual(back, policy) {
			t.Errorf("%s: %s is read as %+v", name, b, back)
		}
	}
	for name, policy := range map[string]attest.Policy{
		"zero product": {Products: []attest.Product{{}}},
		"zero status":  {TCB: []attest.TCBStatus{0}},
	} {
		if b, err := json.Marshal(policy); err == nil {
			t.Errorf("%s is written as %s", name, b)
		}
	}
}

func TestPolicyJSONStrict(t *testing.T) {
	m, s := build.String(), signer.String()
	product := func(members string) string { return `{"products":[{` + members + `}]}` }
	tests := map[string]string{
		"empty":                     ``,
		"list":                      `[]`,
		"text":                      `"all"`,
		"trailing":                  `{} {}`,
		"unknown name":              `{"build":["` + m + `"]}`,
		"name in another case":      `{"Builds":["` + m + `"]}`,
		"duplicate name":            `{"allowDebug":false,"allowDebug":true}`,
		"build too short":           `{"builds":["` + m[2:] + `"]}`,
		"build too long":            `{"builds":["` + m + `00"]}`,
		"build not hexadecimal":     `{"builds":["` + m[1:] + `g"]}`,
		"build with a prefix":       `{"builds":["0x` + m[2:] + `"]}`,
		"build as numbers":          `{"builds":[[1,2,3]]}`,
		"build empty":               `{"builds":[""]}`,
		"unknown status":            `{"tcb":["Fine"]}`,
		"status that is none":       `{"tcb":["Unknown"]}`,
		"status as a number":        `{"tcb":[1]}`,
		"debug as text":             `{"allowDebug":"false"}`,
		"product empty":             product(``),
		"minSVN missing":            product(`"signer":"` + s + `","product":1`),
		"minSVN null":               product(`"signer":"` + s + `","product":1,"minSVN":null`),
		"product missing":           product(`"signer":"` + s + `","minSVN":1`),
		"signer missing":            product(`"product":1,"minSVN":1`),
		"unknown name of a product": product(`"signer":"` + s + `","product":1,"minSVN":1,"svn":1`),
		"duplicate minSVN":          product(`"signer":"` + s + `","product":1,"minSVN":1,"minSVN":0`),
		"minSVN of 65536":           product(`"signer":"` + s + `","product":1,"minSVN":65536`),
		"negative minSVN":           product(`"signer":"` + s + `","product":1,"minSVN":-1`),
		"minSVN of 1.5":             product(`"signer":"` + s + `","product":1,"minSVN":1.5`),
		"minSVN as text":            product(`"signer":"` + s + `","product":1,"minSVN":"1"`),
		"product of 65536":          product(`"signer":"` + s + `","product":65536,"minSVN":1`),
		"signer too short":          product(`"signer":"` + s[2:] + `","product":1,"minSVN":1`),
		"signer not hexadecimal":    product(`"signer":"` + s[1:] + `x","product":1,"minSVN":1`),
	}
	for name, text := range tests {
		p := attest.Policy{AllowDebug: true}
		if err := p.UnmarshalJSON([]byte(text)); err == nil {
			t.Errorf("%s: %s is read as %+v", name, text, p)
		} else if !strings.HasPrefix(err.Error(), "attest: policy: ") || !p.AllowDebug {
			t.Errorf("%s: %v; left as %+v", name, err, p)
		}
	}
	accepted := map[string]string{
		"nothing":    `{}`,
		"null lists": `{"builds":null,"products":null,"tcb":null}`,
		"upper case": `{"builds":["` + strings.ToUpper(m) + `"]}`,
		"product":    product(`"minSVN":0,"product":0,"signer":"` + s + `"`),
	}
	for name, text := range accepted {
		var p attest.Policy
		if err := p.UnmarshalJSON([]byte(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestIdentifiers(t *testing.T) {
	m, err := attest.ParseMeasurement(strings.Repeat("0aF1", 16))
	if err != nil || m.String() != strings.Repeat("0af1", 16) {
		t.Errorf("%v, %v", m, err)
	}
	s, err := attest.ParseSigner(strings.Repeat("0aF1", 16))
	if err != nil || s.String() != strings.Repeat("0af1", 16) {
		t.Errorf("%v, %v", s, err)
	}
	for _, text := range []string{"", "0a", strings.Repeat("0", 63), strings.Repeat("0", 65), strings.Repeat("g", 64), strings.Repeat("é", 32)} {
		if m, err := attest.ParseMeasurement(text); err == nil || m != (attest.Measurement{}) {
			t.Errorf("measurement %q: %v, %v", text, m, err)
		}
		if s, err := attest.ParseSigner(text); err == nil || s != (attest.Signer{}) {
			t.Errorf("signer %q: %v, %v", text, s, err)
		}
	}
}

func TestStatusText(t *testing.T) {
	for s := attest.UpToDate; s <= attest.Revoked; s++ {
		text := must(s.MarshalText())(t)
		var back attest.TCBStatus
		if err := back.UnmarshalText(text); err != nil || back != s || s.String() != string(text) {
			t.Errorf("%v: %q, read as %v, %v", s, text, back, err)
		}
	}
	if _, err := attest.TCBStatus(0).MarshalText(); err == nil {
		t.Error("the zero status has a text")
	}
}
