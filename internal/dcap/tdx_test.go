package dcap_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/issue"
)

// domain changes the trust domain after its collateral was written.
func domain(f func(*issue.TD)) change { return func(s *scene) { f(s.td) } }

func TestTDXModule(t *testing.T) {
	const mismatch = "TDX_MODULE_MISMATCH"
	incomplete := unusable("TCB_INFO_INVALID", "all its fields")
	schema := unusable("TCB_INFO_INVALID", "schema")
	rows{
		"TDX_MODULE_MISMATCH: signer":              {domain(func(td *issue.TD) { td.MRSIGNERSEAM[47] = 1 }), forged(mismatch, "not signed by Intel")},
		"TDX_MODULE_MISMATCH: attributes":          {domain(func(td *issue.TD) { td.SEAMAttributes = 1 << 63 }), forged(mismatch, "attributes 8000000000000000")},
		"TDX_MODULE_MISMATCH: generation":          {domain(func(td *issue.TD) { td.TCBSVN[1] = 3 }), forged(mismatch, "generation 3")},
		"TDX_MODULE_MISMATCH: generation 0":        {domain(func(td *issue.TD) { td.TCBSVN[1] = 0; td.MRSIGNERSEAM[0] = 1 }), forged(mismatch, "not signed by Intel")},
		"attributes that Intel's document asks":    {both(domain(func(td *issue.TD) { td.SEAMAttributes = 1 }), tcb(inModules(put("attributes", `"0100000000000000"`)))), forged(mismatch, "attributes")},
		"attributes that Intel's document lets by": {both(domain(func(td *issue.TD) { td.SEAMAttributes = 1 }), tcb(inModules(put("attributesMask", `"0000000000000000"`)))), forged(mismatch, "attributes")},
		"attributes that the module lacks":         {tcb(inModules(put("attributes", `"0100000000000000"`))), forged(mismatch, "attributes")},
		"TCB_INFO_MISMATCH: no generations":        {tcb(drop("tdxModuleIdentities")), unusable("TCB_INFO_MISMATCH", "generations")},
		"TCB_NOT_SUPPORTED: module's SVN":          {domain(func(td *issue.TD) { td.TCBSVN[0]-- }), forged("TCB_NOT_SUPPORTED", "module's SVN 4")},

		"no module":                     {tcb(drop("tdxModule")), incomplete},
		"module null":                   {tcb(put("tdxModule", "null")), incomplete},
		"module with an id":             {tcb(replace(`"tdxModule":{`, `"tdxModule":{"id":"TDX_01",`)), incomplete},
		"generations empty":             {tcb(put("tdxModuleIdentities", "[]")), incomplete},
		"generations of a text":         {tcb(put("tdxModuleIdentities", `"TDX_01"`)), schema},
		"generation twice":              {tcb(func(body string) string { return put("tdxModuleIdentities", twice(body))(body) }), incomplete},
		"module signer of 47 bytes":     {tcb(inModules(put("mrsigner", `"`+strings.Repeat("00", 47)+`"`))), incomplete},
		"module signer missing":         {tcb(inModules(drop("mrsigner"))), incomplete},
		"module attributes of 7 bytes":  {tcb(inModules(put("attributes", `"00000000000000"`))), incomplete},
		"module mask missing":           {tcb(inModules(drop("attributesMask"))), incomplete},
		"module without levels":         {tcb(inModules(drop("tcbLevels"))), incomplete},
		"module's level without SVN":    {tcb(inModules(put("tcb", "{}"))), incomplete},
		"module's level: a platform's":  {tcb(inModules(put("tcbStatus", `"SWHardeningNeeded"`))), incomplete},
		"module's level without a date": {tcb(inModules(drop("tcbDate"))), incomplete},
		"unknown key of a module":       {tcb(inModules(before("mrsigner", `"x":1`))), schema},
		"version 2":                     {tcb(put("version", "2")), incomplete},
		"no TDX components":             {tcb(drop("tdxtcbcomponents")), incomplete},
		"15 TDX components":             {tcb(tdxComponents(func(c []string) []string { return c[1:] })), incomplete},
		"17 TDX components":             {tcb(tdxComponents(func(c []string) []string { return append(c, c[0]) })), incomplete},
		"TDX component without SVN":     {tcb(tdxComponents(func(c []string) []string { c[15] = "{}"; return c })), incomplete},
	}.in(inTD).refused(t)

	for _, id := range []string{"TDX", "TDX_", "TDX_1", "TDX_001", "TDX_0G", "tdx_01", "TDX_00", "SGX_01", ""} {
		t.Run("generation "+id, func(t *testing.T) {
			rows{"": {tcb(inModules(put("id", fmt.Sprintf("%q", id)))), incomplete}}.in(inTD).refused(t)
		})
	}
	in := func(changes ...change) change { return both(append([]change{inTD}, changes...)...) }
	accepted(t, map[string]change{
		"generation 0":                     in(domain(func(td *issue.TD) { td.TCBSVN[0], td.TCBSVN[1] = 5, 0 }), tcb(tdxComponents(func(c []string) []string { c[1] = `{"svn":0}`; return c }))),
		"generation 0, none described":     in(domain(func(td *issue.TD) { td.TCBSVN[1] = 0 }), tcb(allOf(drop("tdxModuleIdentities"), tdxComponents(func(c []string) []string { c[1] = `{"svn":0}`; return c })))),
		"platform's level for another":     in(tcb(tdxComponents(func(c []string) []string { c[0], c[1] = `{"svn":99}`, `{"svn":9}`; return c }))),
		"signed by another, as Intel says": in(domain(func(td *issue.TD) { td.MRSIGNERSEAM[0] = 0xAB }), tcb(inModules(put("mrsigner", `"AB`+strings.Repeat("00", 47)+`"`)))),
	})
}

func allOf(edits ...edit) edit {
	return func(body string) string {
		for _, f := range edits {
			body = f(body)
		}
		return body
	}
}

// inModules edits the descriptions of the module's generations.
func inModules(f edit) edit {
	return func(body string) string {
		at, end := member(body, "tdxModuleIdentities")
		return body[:at] + f(body[at:end]) + body[end:]
	}
}

// twice is the list of generations with each twice.
func twice(body string) string {
	at, end := member(body, "tdxModuleIdentities")
	list := strings.TrimSuffix(strings.TrimPrefix(body[at:end], `"tdxModuleIdentities":[`), "]")
	return "[" + list + "," + list + "]"
}

// tdxComponents edits the list of them.
func tdxComponents(f func([]string) []string) edit {
	return func(body string) string {
		at, end := member(body, "tdxtcbcomponents")
		list := strings.TrimSuffix(strings.TrimPrefix(body[at:end], `"tdxtcbcomponents":[`), "]")
		return body[:at] + `"tdxtcbcomponents":[` + strings.Join(f(strings.Split(list, ",")), ",") + "]" + body[end:]
	}
}

// TestTEE gives the collateral of each TEE to the other.
func TestTEE(t *testing.T) {
	td := newScene()
	inTD(td)
	rows{
		"TCB_INFO_MISMATCH: TDX info for an enclave":      {func(s *scene) { s.tcbInfo = td.tcbInfo }, unusable("TCB_INFO_MISMATCH", "another TEE")},
		"QE_IDENTITY_MISMATCH: TDX identity, enclave":     {func(s *scene) { s.qeIdentity = td.qeIdentity }, unusable("QE_IDENTITY_MISMATCH", "another TEE")},
		"TDX components in SGX info":                      {func(s *scene) { s.tcbInfo.Levels = td.tcbInfo.Levels }, unusable("TCB_INFO_INVALID", "all its fields")},
		"TDX module in SGX info":                          {func(s *scene) { s.tcbInfo.TDXModule = td.tcbInfo.TDXModule }, unusable("TCB_INFO_INVALID", "schema")},
		"TDX generations in SGX info":                     {func(s *scene) { s.tcbInfo.TDXModules = td.tcbInfo.TDXModules }, unusable("TCB_INFO_INVALID", "schema")},
		"TCB_INFO_MISMATCH: SGX info for a trust domain":  {func(s *scene) { sgx := s.tcbInfo; inTD(s); s.tcbInfo = sgx }, unusable("TCB_INFO_MISMATCH", "another TEE")},
		"TCB_INFO_MISMATCH: SGX info of version 2 for it": {func(s *scene) { sgx := s.tcbInfo; inTD(s); s.tcbInfo = sgx; v2(same)(s) }, unusable("TCB_INFO_MISMATCH", "another TEE")},
		"QE_IDENTITY_MISMATCH: SGX identity, domain":      {func(s *scene) { sgx := s.qeIdentity; inTD(s); s.qeIdentity = sgx }, unusable("QE_IDENTITY_MISMATCH", "another TEE")},
	}.refused(t)
}

// TestTDXNotSupported lets the trust domain be below the only level in one
// component at a time. The module has levels of its own for the first two.
func TestTDXNotSupported(t *testing.T) {
	refusal := forged("TCB_NOT_SUPPORTED", "platform's TCB")
	r := rows{}
	all := tcb(tdxComponents(func(c []string) []string {
		for i := 2; i < 16; i++ {
			c[i] = `{"svn":1}`
		}
		return c
	}))
	at := func(svn [16]byte) change { return domain(func(td *issue.TD) { td.TCBSVN = svn }) }
	for i := 2; i < 16; i++ {
		svn := [16]byte{5, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}
		svn[i] = 0
		r[fmt.Sprintf("component %d", i+1)] = row{both(all, at(svn)), refusal}
	}
	for i := range 16 {
		r[fmt.Sprintf("SGX component %d", i+1)] = row{func(s *scene) { s.platform.Components[i]-- }, refusal}
	}
	r["PCESVN"] = row{func(s *scene) { s.platform.PCESVN-- }, refusal}
	r["generation 0, component 1"] = row{both(tcb(tdxComponents(func(c []string) []string { c[1] = `{"svn":0}`; return c })), at([16]byte{4, 0, 9, 9})), refusal}
	r["generation 0, component 2"] = row{at([16]byte{5, 0, 9, 9}), refusal}
	r.in(inTD).refused(t)
	accepted(t, map[string]change{"all as high": both(inTD, all, at([16]byte{5, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}))})
}

// TestTDXConvergence is Intel's table: what the module's and the quoting
// enclave's status make of the platform's.
func TestTDXConvergence(t *testing.T) {
	outOfDate := map[string]string{
		"UpToDate": "OutOfDate", "SWHardeningNeeded": "OutOfDate", "OutOfDate": "OutOfDate", "Revoked": "Revoked",
		"ConfigurationNeeded":               "OutOfDateConfigurationNeeded",
		"ConfigurationAndSWHardeningNeeded": "OutOfDateConfigurationNeeded",
		"OutOfDateConfigurationNeeded":      "OutOfDateConfigurationNeeded",
	}
	for platform, converged := range outOfDate {
		for _, module := range []string{"UpToDate", "OutOfDate", "Revoked"} {
			for _, enclave := range []string{"UpToDate", "OutOfDate", "Revoked"} {
				want := platform
				switch {
				case module == "Revoked" || enclave == "Revoked":
					want = "Revoked"
				case module == "OutOfDate" || enclave == "OutOfDate":
					want = converged
				}
				s := newScene()
				inTD(s)
				s.tcbInfo.Levels[0].Status = platform
				s.tcbInfo.TDXModules[0].Levels[0].Status = module
				s.qeIdentity.Levels[0].Status = enclave
				v, err := s.play(t).verify()
				if err != nil || v.TCB.Status.String() != want {
					t.Errorf("%s with a module %s and a quoting enclave %s: %+v, %v; want %s", platform, module, enclave, v, err, want)
				}
			}
		}
	}
}

func TestShares(t *testing.T) {
	s := newScene()
	inTD(s)
	date := func(year int) string { return fmt.Sprintf("%d-01-01T00:00:00Z", year) }
	platform, module, enclave := &s.tcbInfo.Levels[0], &s.tcbInfo.TDXModules[0].Levels[0], &s.qeIdentity.Levels[0]
	platform.Status, platform.Date, platform.Advisories = "SWHardeningNeeded", date(2024), []string{"INTEL-SA-3", "INTEL-SA-1"}
	module.Status, module.Date, module.Advisories = "OutOfDate", date(2023), []string{"INTEL-SA-2"}
	enclave.Status, enclave.Date, enclave.Advisories = "UpToDate", date(2025), []string{"INTEL-SA-1"}
	s.tcbInfo.EvaluationNumber, s.qeIdentity.EvaluationNumber = 18, 17
	v, err := s.play(t).verify()
	check(t, err)
	year := func(n int) time.Time { return time.Date(n, 1, 1, 0, 0, 0, 0, time.UTC) }
	for name, test := range map[string]struct{ got, want dcap.Share }{
		"all":      {v.TCB.Share, dcap.Share{Status: dcap.OutOfDate, Advisories: []string{"INTEL-SA-1", "INTEL-SA-2", "INTEL-SA-3"}, Date: year(2023), Evaluation: 17}},
		"platform": {v.TCB.Platform, dcap.Share{Status: dcap.SWHardeningNeeded, Advisories: []string{"INTEL-SA-3", "INTEL-SA-1"}, Date: year(2024), Evaluation: 18}},
		"module":   {v.TCB.Module, dcap.Share{Status: dcap.OutOfDate, Advisories: []string{"INTEL-SA-2"}, Date: year(2023), Evaluation: 18}},
		"QE":       {v.TCB.QE, dcap.Share{Status: dcap.UpToDate, Advisories: []string{"INTEL-SA-1"}, Date: year(2025), Evaluation: 17}},
	} {
		g, w := test.got, test.want
		if g.Status != w.Status || !slices.Equal(g.Advisories, w.Advisories) || !g.Date.Equal(w.Date) || g.Evaluation != w.Evaluation {
			t.Errorf("%s: %+v, want %+v", name, g, w)
		}
	}
}

// TestRelaunch lets a trust domain have been launched under a module that is
// out of date, on a host whose module has been updated since, and then takes
// one condition away at a time.
func TestRelaunch(t *testing.T) {
	good := func(s *scene) {
		inTD15(s)
		module := &s.tcbInfo.TDXModules[0]
		module.Levels[0].TCB.SVN = 7
		module.Levels = append(module.Levels, issue.QELevel{TCB: issue.QETCB{SVN: 5}, Date: module.Levels[0].Date, Status: "OutOfDate"})
		s.td.TCBSVN2 = [16]byte{7, 1, 2}
	}
	status := func(platform string) change { return func(s *scene) { s.tcbInfo.Levels[0].Status = platform } }
	tests := map[string]struct {
		change
		want dcap.Status
	}{
		"all conditions":                     {func(*scene) {}, dcap.RelaunchAdvised},
		"SW hardening needed":                {status("SWHardeningNeeded"), dcap.RelaunchAdvised},
		"newer than the latest":              {func(s *scene) { s.td.TCBSVN2 = [16]byte{9, 1, 9} }, dcap.RelaunchAdvised},
		"configuration needed":               {status("ConfigurationNeeded"), dcap.RelaunchAdvisedConfigurationNeeded},
		"configuration and SW hardening":     {status("ConfigurationAndSWHardeningNeeded"), dcap.RelaunchAdvisedConfigurationNeeded},
		"platform out of date":               {status("OutOfDate"), dcap.OutOfDate},
		"platform out of date, configurable": {status("OutOfDateConfigurationNeeded"), dcap.OutOfDateConfigurationNeeded},
		"platform revoked":                   {status("Revoked"), dcap.Revoked},
		"quoting enclave out of date":        {func(s *scene) { s.qeIdentity.Levels[0].Status = "OutOfDate" }, dcap.OutOfDate},
		"quoting enclave revoked":            {func(s *scene) { s.qeIdentity.Levels[0].Status = "Revoked" }, dcap.Revoked},
		"module not updated":                 {func(s *scene) { s.td.TCBSVN2[0] = 6 }, dcap.OutOfDate},
		"microcode not updated":              {func(s *scene) { s.td.TCBSVN2[2] = 1 }, dcap.OutOfDate},
		"module up to date at launch":        {func(s *scene) { s.td.TCBSVN[0] = 7 }, dcap.UpToDate},
		"microcode out of date at launch, not the module": {func(s *scene) {
			second := s.tcbInfo.Levels[0]
			second.TCB.TDX, second.Status = slices.Clone(second.TCB.TDX), "OutOfDate"
			s.tcbInfo.Levels = append(s.tcbInfo.Levels, second)
			s.tcbInfo.Levels[0].TCB.TDX[2].SVN = 3
			s.td.TCBSVN[0], s.td.TCBSVN2 = 7, [16]byte{7, 1, 3}
		}, dcap.OutOfDate},
		"module revoked at launch":         {func(s *scene) { s.tcbInfo.TDXModules[0].Levels[1].Status = "Revoked" }, dcap.Revoked},
		"runs generation 0":                {func(s *scene) { s.td.TCBSVN2 = [16]byte{5, 0, 2} }, dcap.RelaunchAdvised},
		"runs an old generation 0":         {func(s *scene) { s.td.TCBSVN2 = [16]byte{4, 0, 2} }, dcap.OutOfDate},
		"runs generation 0, old microcode": {func(s *scene) { s.td.TCBSVN2 = [16]byte{5, 0, 1} }, dcap.OutOfDate},
		"TDX 1.0 does not know":            {func(s *scene) { s.td.V15 = false }, dcap.OutOfDate},
	}
	for name, test := range tests {
		s := newScene()
		both(good, test.change)(s)
		v, err := s.play(t).verify()
		if err != nil || v.TCB.Status != test.want {
			t.Errorf("%s: %+v, %v; want %v", name, v, err, test.want)
		}
	}
	rows{"TDX_MODULE_MISMATCH: runs an unknown generation": {func(s *scene) { s.td.TCBSVN2[1] = 9 }, forged("TDX_MODULE_MISMATCH", "generation 9")}}.in(good).refused(t)
}

// TestTDXLevels has two levels, of which the trust domain reaches the first
// without, and the second with, the components of TDX.
func TestTDXLevels(t *testing.T) {
	for want, first := range map[dcap.Status]string{dcap.OutOfDate: "UpToDate", dcap.Revoked: "Revoked"} {
		s := newScene()
		inTD(s)
		second := s.tcbInfo.Levels[0]
		second.TCB.TDX = slices.Clone(second.TCB.TDX)
		second.Status = "OutOfDate"
		s.tcbInfo.Levels[0].TCB.TDX[2].SVN = 3
		s.tcbInfo.Levels[0].Status = first
		s.tcbInfo.Levels = append(s.tcbInfo.Levels, second)
		v, err := s.play(t).verify()
		if err != nil || v.TCB.Status != want || v.TCB.Platform.Status != dcap.OutOfDate {
			t.Errorf("%+v, %v; want %v", v, err, want)
		}
	}
}
