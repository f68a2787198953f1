package attest_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

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
	with := func(change func(*attest.Policy)) attest.Policy {
		p := attest.Policy{Builds: byBuild.Builds}
		change(&p)
		return p
	}
	advisories := func(list ...string) func(*attest.Report) {
		return func(r *attest.Report) { r.TCB.Advisories = list }
	}
	kss := attest.KSS{FamilyID: attest.ID{1}, ExtendedProductID: attest.ID{2}, ConfigID: attest.ConfigID{63: 3}, ConfigSVN: 4}
	configured := func(r *attest.Report) { r.KSS = kss }
	on := func(fmspc byte, ppid byte) func(*attest.Report) {
		return func(r *attest.Report) { r.Platform.FMSPC, r.Platform.PPID = attest.FMSPC{fmspc}, attest.PPID{ppid} }
	}
	stale := func(r *attest.Report) { r.Judged, r.Expires = noon, noon.Add(-time.Hour) }
	mask := attest.Attributes{Flags: 0x80, XFRM: 0xE0}

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

		"advisories, and nothing said of them": {byBuild, advisories("INTEL-SA-00001"), ""},
		"advisory tolerated":                   {with(func(p *attest.Policy) { p.ToleratedAdvisories = []string{"INTEL-SA-00002", "INTEL-SA-00001"} }), advisories("INTEL-SA-00001"), ""},
		"one of two advisories tolerated":      {with(func(p *attest.Policy) { p.ToleratedAdvisories = []string{"INTEL-SA-00001"} }), advisories("INTEL-SA-00001", "INTEL-SA-00002"), "toleratedAdvisories"},
		"no advisory tolerated":                {with(func(p *attest.Policy) { p.ToleratedAdvisories = []string{} }), advisories("INTEL-SA-00001"), "toleratedAdvisories"},
		"no advisory tolerated, and none":      {with(func(p *attest.Policy) { p.ToleratedAdvisories = []string{} }), same, ""},
		"advisory refused":                     {with(func(p *attest.Policy) { p.RefusedAdvisories = []string{"INTEL-SA-00002"} }), advisories("INTEL-SA-00001", "INTEL-SA-00002"), "refusedAdvisories"},
		"another advisory refused":             {with(func(p *attest.Policy) { p.RefusedAdvisories = []string{"INTEL-SA-00002"} }), advisories("INTEL-SA-00001"), ""},
		"advisory tolerated and refused": {with(func(p *attest.Policy) {
			p.ToleratedAdvisories, p.RefusedAdvisories = []string{"INTEL-SA-00001"}, []string{"INTEL-SA-00001"}
		}), advisories("INTEL-SA-00001"), "refusedAdvisories"},

		"evaluation as high as the least": {with(func(p *attest.Policy) { p.MinEvaluation = 17 }), func(r *attest.Report) { r.TCB.Evaluation = 17 }, ""},
		"evaluation below":                {with(func(p *attest.Policy) { p.MinEvaluation = 17 }), func(r *attest.Report) { r.TCB.Evaluation = 16 }, "minEvaluation"},
		"evaluation not known":            {with(func(p *attest.Policy) { p.MinEvaluation = 1 }), same, "minEvaluation"},
		"TCB of the date":                 {with(func(p *attest.Policy) { p.MinTCBDate = noon }), func(r *attest.Report) { r.TCB.Date = noon }, ""},
		"TCB a second older":              {with(func(p *attest.Policy) { p.MinTCBDate = noon }), func(r *attest.Report) { r.TCB.Date = noon.Add(-time.Second) }, "minTCBDate"},
		"TCB of no date":                  {with(func(p *attest.Policy) { p.MinTCBDate = noon }), same, "minTCBDate"},
		"expired collateral":              {byBuild, stale, "grace"},
		"expired within grace":            {with(func(p *attest.Policy) { p.Grace = time.Hour }), stale, ""},
		"expired beyond grace":            {with(func(p *attest.Policy) { p.Grace = time.Hour - 1 }), stale, "grace"},
		"negative grace":                  {with(func(p *attest.Policy) { p.Grace = -time.Hour }), func(r *attest.Report) { r.Judged, r.Expires = noon, noon }, ""},

		"KSS, and nothing said of it":    {byBuild, configured, ""},
		"family":                         {with(func(p *attest.Policy) { p.FamilyIDs = []attest.ID{{9}, {1}} }), configured, ""},
		"another family":                 {with(func(p *attest.Policy) { p.FamilyIDs = []attest.ID{{2}} }), configured, "familyIDs"},
		"no family":                      {with(func(p *attest.Policy) { p.FamilyIDs = []attest.ID{{1}} }), same, "familyIDs"},
		"family zero asked for":          {with(func(p *attest.Policy) { p.FamilyIDs = []attest.ID{{}} }), configured, "familyIDs"},
		"no family accepted":             {with(func(p *attest.Policy) { p.FamilyIDs = []attest.ID{} }), same, "familyIDs"},
		"extended product":               {with(func(p *attest.Policy) { p.ExtendedProductIDs = []attest.ID{{2}} }), configured, ""},
		"another extended product":       {with(func(p *attest.Policy) { p.ExtendedProductIDs = []attest.ID{{1}} }), configured, "extendedProductIDs"},
		"configuration":                  {with(func(p *attest.Policy) { p.ConfigIDs = []attest.ConfigID{kss.ConfigID} }), configured, ""},
		"another configuration":          {with(func(p *attest.Policy) { p.ConfigIDs = []attest.ConfigID{{3}} }), configured, "configIDs"},
		"configuration's version":        {with(func(p *attest.Policy) { p.MinConfigSVN = 4 }), configured, ""},
		"configuration's version, below": {with(func(p *attest.Policy) { p.MinConfigSVN = 5 }), configured, "minConfigSVN"},

		"attributes":                        {with(func(p *attest.Policy) { p.AttributeMask, p.AttributeValue = mask, mask }), func(r *attest.Report) { r.Attributes = attest.Attributes{Flags: 0x85, XFRM: 0xE7} }, ""},
		"attributes: a flag is missing":     {with(func(p *attest.Policy) { p.AttributeMask, p.AttributeValue = mask, mask }), func(r *attest.Report) { r.Attributes = attest.Attributes{Flags: 0x05, XFRM: 0xE7} }, "attributeMask, attributeValue"},
		"attributes: a feature is missing":  {with(func(p *attest.Policy) { p.AttributeMask, p.AttributeValue = mask, mask }), func(r *attest.Report) { r.Attributes = attest.Attributes{Flags: 0x80, XFRM: 0x60} }, "attributeMask, attributeValue"},
		"attributes: one that must not be":  {with(func(p *attest.Policy) { p.AttributeMask = mask }), func(r *attest.Report) { r.Attributes = attest.Attributes{Flags: 0x80} }, "attributeMask, attributeValue"},
		"attributes: value beyond the mask": {with(func(p *attest.Policy) { p.AttributeValue = mask }), func(r *attest.Report) { r.Attributes = mask }, "attributeMask, attributeValue"},

		"kind of platform allowed":          {with(func(p *attest.Policy) { p.AllowFMSPCs = []attest.FMSPC{{8}, {7}} }), on(7, 1), ""},
		"kind of platform not allowed":      {with(func(p *attest.Policy) { p.AllowFMSPCs = []attest.FMSPC{{8}} }), on(7, 1), "allowFMSPCs"},
		"no kind of platform allowed":       {with(func(p *attest.Policy) { p.AllowFMSPCs = []attest.FMSPC{} }), on(7, 1), "allowFMSPCs"},
		"kind of platform denied":           {with(func(p *attest.Policy) { p.DenyFMSPCs = []attest.FMSPC{{7}} }), on(7, 1), "denyFMSPCs"},
		"another kind of platform denied":   {with(func(p *attest.Policy) { p.DenyFMSPCs = []attest.FMSPC{{8}} }), on(7, 1), ""},
		"machine allowed":                   {with(func(p *attest.Policy) { p.AllowPPIDs = []attest.PPID{{1}} }), on(7, 1), ""},
		"machine not allowed":               {with(func(p *attest.Policy) { p.AllowPPIDs = []attest.PPID{{1}} }), on(7, 2), "allowPPIDs"},
		"machine denied":                    {with(func(p *attest.Policy) { p.DenyPPIDs = []attest.PPID{{1}} }), on(7, 1), "denyPPIDs"},
		"machine allowed and denied":        {with(func(p *attest.Policy) { p.AllowPPIDs, p.DenyPPIDs = []attest.PPID{{1}}, []attest.PPID{{1}} }), on(7, 1), "denyPPIDs"},
		"allowed machine, kind not allowed": {with(func(p *attest.Policy) { p.AllowPPIDs, p.AllowFMSPCs = []attest.PPID{{1}}, []attest.FMSPC{{8}} }), on(7, 1), "allowFMSPCs"},

		"SMT, and nothing said of it": {byBuild, func(r *attest.Report) { r.Platform.SMT = attest.Stated{Known: true, Value: true} }, ""},
		"SMT refused":                 {with(func(p *attest.Policy) { p.RefuseSMT = true }), func(r *attest.Report) { r.Platform.SMT = attest.Stated{Known: true, Value: true} }, "refuseSMT"},
		"SMT refused, not stated":     {with(func(p *attest.Policy) { p.RefuseSMT = true }), same, "refuseSMT"},
		"SMT refused, off":            {with(func(p *attest.Policy) { p.RefuseSMT = true }), func(r *attest.Report) { r.Platform.SMT.Known = true }, ""},
		"dynamic refused":             {with(func(p *attest.Policy) { p.RefuseDynamic = true }), func(r *attest.Report) { r.Platform.Dynamic = attest.Stated{Known: true, Value: true} }, "refuseDynamic"},
		"dynamic refused, off":        {with(func(p *attest.Policy) { p.RefuseDynamic = true }), func(r *attest.Report) { r.Platform.Dynamic.Known = true }, ""},
		"cached keys refused":         {with(func(p *attest.Policy) { p.RefuseCachedKeys = true }), func(r *attest.Report) { r.Platform.CachedKeys = attest.Stated{Known: true, Value: true} }, "refuseCachedKeys"},
		"cached keys refused, off":    {with(func(p *attest.Policy) { p.RefuseCachedKeys = true }), func(r *attest.Report) { r.Platform.CachedKeys.Known = true }, ""},
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
			oneSentence(t, err)
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
		"all the rest": {
			AttributeMask: attest.Attributes{Flags: 3, XFRM: 1 << 63}, AttributeValue: attest.Attributes{Flags: 1, XFRM: 1 << 63},
			FamilyIDs: []attest.ID{{1}, {}}, ExtendedProductIDs: []attest.ID{{15: 2}}, ConfigIDs: []attest.ConfigID{{63: 3}}, MinConfigSVN: 65535,
			ToleratedAdvisories: []string{"INTEL-SA-00615"}, RefusedAdvisories: []string{"INTEL-SA-123456"},
			MinEvaluation: 1<<32 - 1, MinTCBDate: time.Date(2024, 3, 13, 0, 0, 0, 0, time.UTC), Grace: 72*time.Hour + 1,
			AllowFMSPCs: []attest.FMSPC{{5: 4}}, DenyFMSPCs: []attest.FMSPC{{5}}, AllowPPIDs: []attest.PPID{{15: 6}}, DenyPPIDs: []attest.PPID{{7}},
			RefuseDynamic: true, RefuseCachedKeys: true, RefuseSMT: true,
		},
		"time of day": {MinTCBDate: time.Date(2024, 3, 13, 1, 2, 3, 4, time.UTC)},
		"empty lists": {
			FamilyIDs: []attest.ID{}, ExtendedProductIDs: []attest.ID{}, ConfigIDs: []attest.ConfigID{}, ToleratedAdvisories: []string{},
			RefusedAdvisories: []string{}, AllowFMSPCs: []attest.FMSPC{}, DenyFMSPCs: []attest.FMSPC{}, AllowPPIDs: []attest.PPID{}, DenyPPIDs: []attest.PPID{},
		},
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

// TestPolicyJSONStrict has what is no policy, and the place and the words of
// the error.
func TestPolicyJSONStrict(t *testing.T) {
	m, s := build.String(), signer.String()
	product := func(members string) string { return `{"products":[{` + members + `}]}` }
	good := `{"signer":"` + s + `","product":1,"minSVN":2}`
	tests := map[string]struct{ text, says string }{
		"empty":                     {``, "not JSON"},
		"list":                      {`[]`, "not an object"},
		"text":                      {`"all"`, "not an object"},
		"trailing":                  {`{} {}`, "not JSON at byte 3: invalid character"},
		"comment":                   {"// nobody\n{}", "not JSON at byte 0: invalid character"},
		"cut off":                   {`{"builds":["`, "builds[0]: not JSON"},
		"unknown name":              {`{"build":["` + m + `"]}`, "build: unknown name"},
		"name in another case":      {`{"Builds":["` + m + `"]}`, "Builds: unknown name"},
		"unknown name with a break": {`{"a\nb":1}`, `a\nb: unknown name`},
		"duplicate name":            {`{"allowDebug":false,"allowDebug":true}`, "allowDebug: there twice"},
		"builds not a list":         {`{"builds":"` + m + `"}`, "builds: not a list"},
		"build too short":           {`{"builds":["` + m[2:] + `"]}`, "builds[0]: a measurement is 64 hexadecimal digits, not 62 characters"},
		"second build too long":     {`{"builds":["` + m + `","` + m + `00"]}`, "builds[1]: a measurement is 64 hexadecimal digits, not 66 characters"},
		"build not hexadecimal":     {`{"builds":["` + m[1:] + `g"]}`, "builds[0]: a measurement is 64 hexadecimal digits: "},
		"build with a prefix":       {`{"builds":["0x` + m[2:] + `"]}`, "builds[0]: a measurement"},
		"build as numbers":          {`{"builds":[[1,2,3]]}`, "builds[0]: "},
		"build empty":               {`{"builds":[""]}`, "builds[0]: a measurement"},
		"build null":                {`{"builds":[null]}`, "builds[0]: null"},
		"list null":                 {`{"allowPPIDs":null}`, "allowPPIDs: null"},
		"number null":               {`{"minEvaluation":null}`, "minEvaluation: null"},
		"date in year 10000":        {`{"minTCBDate":"9999-12-31T23:59:59-23:00"}`, "minTCBDate: "},
		"unknown status":            {`{"tcb":["UpToDate","Fine"]}`, `tcb[1]: "Fine" is not a TCB status`},
		"status that is none":       {`{"tcb":["Unknown"]}`, "tcb[0]: "},
		"status as a number":        {`{"tcb":[1]}`, "tcb[0]: "},
		"status null":               {`{"tcb":[null]}`, "tcb[0]: null"},
		"debug as text":             {`{"allowDebug":"false"}`, "allowDebug: not true or false"},
		"product empty":             {product(``), "products[0]: a product is written with its signer, product and minSVN, all three"},
		"product null":              {`{"products":[` + good + `,null]}`, "products[1]: "},
		"minSVN missing":            {product(`"signer":"` + s + `","product":1`), "products[0]: a product"},
		"minSVN null":               {product(`"signer":"` + s + `","product":1,"minSVN":null`), "products[0]: a product"},
		"product missing":           {product(`"signer":"` + s + `","minSVN":1`), "products[0]: a product"},
		"signer missing":            {product(`"product":1,"minSVN":1`), "products[0]: a product"},
		"unknown name of a product": {`{"products":[` + good + `,{"signer":"` + s + `","product":1,"minSVN":1,"svn":1}]}`, "products[1].svn: unknown name"},
		"duplicate minSVN":          {product(`"signer":"` + s + `","product":1,"minSVN":1,"minSVN":0`), "products[0].minSVN: there twice"},
		"minSVN of 65536":           {`{"products":[` + good + `,{"signer":"` + s + `","product":1,"minSVN":65536}]}`, "products[1].minSVN: not a number from 0 to 65535"},
		"negative minSVN":           {product(`"signer":"` + s + `","product":1,"minSVN":-1`), "products[0].minSVN: not a number from 0 to 65535"},
		"minSVN of 1.5":             {product(`"signer":"` + s + `","product":1,"minSVN":1.5`), "products[0].minSVN: not a number"},
		"minSVN as text":            {product(`"signer":"` + s + `","product":1,"minSVN":"1"`), "products[0].minSVN: not a number"},
		"product of 65536":          {product(`"signer":"` + s + `","product":65536,"minSVN":1`), "products[0].product: not a number"},
		"signer too short":          {product(`"signer":"` + s[2:] + `","product":1,"minSVN":1`), "products[0].signer: a signer is 64 hexadecimal digits"},
		"signer not hexadecimal":    {product(`"signer":"` + s[1:] + `x","product":1,"minSVN":1`), "products[0].signer: a signer"},
		"evaluation of 2^32":        {`{"minEvaluation":4294967296}`, "minEvaluation: not a number from 0 to 4294967295"},
		"no date":                   {`{"minTCBDate":"13.3.2024"}`, `minTCBDate: "13.3.2024" is neither a date`},
		"no such date":              {`{"minTCBDate":"2024-02-30"}`, "minTCBDate: "},
		"date as a number":          {`{"minTCBDate":20240313}`, "minTCBDate: "},
		"grace without a unit":      {`{"grace":"72"}`, `grace: "72" is not a duration such as 72h`},
		"negative grace":            {`{"grace":"-1h"}`, "grace: "},
		"grace as a number":         {`{"grace":72}`, "grace: "},
		"typo in an advisory":       {`{"refusedAdvisories":["INTEL-SA-00289","INTEL-SA-289"]}`, `refusedAdvisories[1]: "INTEL-SA-289" is not an advisory`},
		"advisory of another":       {`{"toleratedAdvisories":["CVE-2020-0543"]}`, "toleratedAdvisories[0]: "},
		"advisory null":             {`{"toleratedAdvisories":[null]}`, "toleratedAdvisories[0]: "},
		"FMSPC too short":           {`{"allowFMSPCs":["00906ed5"]}`, "allowFMSPCs[0]: a FMSPC is 12 hexadecimal digits, not 8 characters"},
		"PPID too long":             {`{"denyPPIDs":["` + m + `"]}`, "denyPPIDs[0]: a PPID is 32 hexadecimal digits"},
		"family too short":          {`{"familyIDs":["00"]}`, "familyIDs[0]: a KSS identifier is 32"},
		"configuration too short":   {`{"configIDs":["` + m + `"]}`, "configIDs[0]: a CONFIGID is 128"},
		"attributes too short":      {`{"attributeMask":"02"}`, "attributeMask: a list of attributes is 32 hexadecimal digits"},
		"value beyond the mask":     {`{"attributeMask":"01000000000000000000000000000000","attributeValue":"03000000000000000000000000000000"}`, "attributeValue: has bits that attributeMask does not"},
		"a policy within":           {`{"policy":{}}`, "policy: unknown name"},
	}
	for name, test := range tests {
		p := attest.Policy{AllowDebug: true}
		err := p.UnmarshalJSON([]byte(test.text))
		if err == nil {
			t.Errorf("%s: %s is read as %+v", name, test.text, p)
		} else if !strings.HasPrefix(err.Error(), "attest: policy: "+test.says) || strings.ContainsAny(err.Error(), "\n\r") || !p.AllowDebug {
			t.Errorf("%s: %v; want %s; left as %+v", name, err, test.says, p)
		}
		if std := json.Unmarshal([]byte(test.text), &p); std == nil {
			t.Errorf("%s: encoding/json reads it", name)
		}
	}
	accepted := map[string]string{
		"nothing":    `{}`,
		"upper case": `{"builds":["` + strings.ToUpper(m) + `"]}`,
		"product":    product(`"minSVN":0,"product":0,"signer":"` + s + `"`),
		"date":       `{"minTCBDate":"2024-03-13"}`,
		"time":       `{"minTCBDate":"2024-03-13T01:02:03+01:00"}`,
		"grace":      `{"grace":"1h30m"}`,
	}
	for name, text := range accepted {
		var p attest.Policy
		if err := p.UnmarshalJSON([]byte(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	var p attest.Product
	if err := p.UnmarshalJSON([]byte(`{"signer":"` + s + `","product":1}`)); err == nil || !strings.HasPrefix(err.Error(), "attest: product: a product is") {
		t.Errorf("a product by itself: %v", err)
	}
	unmarshal(t, []byte(good), &p)
	if p != attest.SignedBy(signer, 1, 2) {
		t.Errorf("a product by itself: %v", p)
	}
}

// TestParsePolicy reads policies with comments.
func TestParsePolicy(t *testing.T) {
	line := `{"builds": ["` + build.String() + `"]}`
	for name, text := range map[string]string{
		"no comment":       line,
		"first line":       "// who we are\n" + line,
		"indented":         "\t // who we are\n" + line + "\n  //\n",
		"carriage returns": "// who we are\r\n" + line + "\r\n//\r\n",
		"within":           strings.ReplaceAll(line, " ", "\n// {\"builds\": []}\n"),
		"no last break":    line + "\n//",
	} {
		p, err := attest.ParsePolicy([]byte(text))
		if err != nil || !slices.Equal(p.Builds, []attest.Measurement{build}) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	for name, text := range map[string]string{
		"behind a value":     line + " // who we are",
		"behind a member":    "{\n\"minEvaluation\": 17, // of 2024\n\"builds\": []}",
		"one slash":          "/ who we are\n" + line,
		"hash":               "# who we are\n" + line,
		"block":              "/* who we are */\n" + line,
		"name commented out": "{\n// \"builds\":\n[]}",
		"empty":              "// nobody",
		"advisory //":        "{\"refusedAdvisories\": [\"//\"]}",
	} {
		if p, err := attest.ParsePolicy([]byte(text)); err == nil || p != nil {
			t.Errorf("%s: %+v", name, p)
		}
	}
	_, err := attest.ParsePolicy([]byte("// one\n{\n// two\n\"build\": []}"))
	if err == nil || err.Error() != "attest: policy: build: unknown name" {
		t.Error(err)
	}
}

// FuzzPolicy: what is read is written and read again the same.
func FuzzPolicy(f *testing.F) {
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"builds":["` + build.String() + `"],"tcb":[],"grace":"1h"}`))
	f.Add([]byte(`{"products":[{"signer":"` + signer.String() + `","product":1,"minSVN":2}],"minTCBDate":"2024-03-13","toleratedAdvisories":["INTEL-SA-00615"]}`))
	f.Add([]byte("// comment\n{\"attributeMask\":\"01000000000000000000000000000000\"}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := attest.ParsePolicy(text)
		if err != nil {
			return
		}
		b, err := json.Marshal(p)
		if err != nil {
			t.Fatalf("%s is read, and not written: %v", text, err)
		}
		back, err := attest.ParsePolicy(b)
		if err != nil || !reflect.DeepEqual(back.MinTCBDate.UTC(), p.MinTCBDate.UTC()) {
			t.Fatalf("%s becomes %s: %v", text, b, err)
		}
		if again, err := json.Marshal(back); err != nil || string(again) != string(b) {
			t.Fatalf("%s becomes %s, then %s: %v", text, b, again, err)
		}
	})
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
	for s := attest.UpToDate; s <= attest.RelaunchAdvisedConfigurationNeeded; s++ {
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
