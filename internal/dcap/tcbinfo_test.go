package dcap_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/issue"
)

func same(body string) string { return body }

func tcb(f edit) change { return func(s *scene) { s.editTCB = f } }

// v2 writes TCB info as Intel did until 2023, with another edit.
func v2(f edit) change {
	return func(s *scene) {
		platform := s.platform
		s.editTCB = func(body string) string {
			var tcb strings.Builder
			for i, svn := range platform.Components {
				fmt.Fprintf(&tcb, `"sgxtcbcomp%02dsvn":%d,`, i+1, svn)
			}
			body = put("tcb", fmt.Sprintf(`{%s"pcesvn":%d}`, tcb.String(), platform.PCESVN))(oneLevel(body))
			return f(drop("id")(put("version", "2")(body)))
		}
	}
}

// oneLevel is for scenes whose TCB info has only one.
func oneLevel(body string) string {
	if strings.Count(body, "tcbStatus") != 1 {
		panic("several levels in " + body)
	}
	return body
}

func TestTCBInfo(t *testing.T) {
	const invalid = "TCB_INFO_INVALID"
	schema, incomplete := unusable(invalid, "schema"), unusable(invalid, "all its fields")
	rows{
		"version 3 without id": {tcb(drop("id")), incomplete},
		"for TDX":              {tcb(put("id", `"TDX"`)), incomplete},
		"id in another case":   {tcb(put("id", `"sgx"`)), incomplete},
		"version 1":            {v2(put("version", "1")), incomplete},
		"version 3 with components of version 2 and no id": {v2(put("version", "3")), incomplete},
		"version 2 with an id":                             {v2(before("version", `"id":"SGX"`)), incomplete},
		"version 3 with components of version 2": {v2(func(body string) string {
			return before("version", `"id":"SGX"`)(put("version", "3")(body))
		}), incomplete},
		"version 2 with components of version 3": {tcb(func(body string) string { return drop("id")(put("version", "2")(body)) }), incomplete},
		"type 1":                                 {tcb(put("tcbType", "1")), incomplete},
		"type missing":                           {tcb(drop("tcbType")), incomplete},
		"FMSPC missing":                          {tcb(drop("fmspc")), incomplete},
		"FMSPC of 5 bytes":                       {tcb(put("fmspc", `"00906ED5AB"`)), incomplete},
		"FMSPC of 7 bytes":                       {tcb(put("fmspc", `"00906ED5ABCD00"`)), incomplete},
		"FMSPC not hexadecimal":                  {tcb(put("fmspc", `"00906ED5ABCX"`)), schema},
		"PCEID missing":                          {tcb(drop("pceId")), incomplete},
		"PCEID of 1 byte":                        {tcb(put("pceId", `"12"`)), incomplete},
		"15 components":                          {tcb(components(func(c []string) []string { return c[:15] })), incomplete},
		"17 components":                          {tcb(components(func(c []string) []string { return append(c, c[0]) })), incomplete},
		"no components":                          {tcb(components(func([]string) []string { return nil })), incomplete},
		"components missing":                     {tcb(drop("sgxtcbcomponents")), incomplete},
		"component without SVN":                  {tcb(replace(`{"svn":1}`, `{}`)), incomplete},
		"component with SVN null":                {tcb(replace(`{"svn":1}`, `{"svn":null}`)), incomplete},
		"component null":                         {tcb(replace(`{"svn":1}`, `null`)), incomplete},
		"component of 256":                       {tcb(replace(`{"svn":1}`, `{"svn":256}`)), incomplete},
		"component of -1":                        {tcb(replace(`{"svn":1}`, `{"svn":-1}`)), incomplete},
		"component of 1.5":                       {tcb(replace(`{"svn":1}`, `{"svn":1.5}`)), incomplete},
		"component as text":                      {tcb(replace(`{"svn":1}`, `{"svn":"1"}`)), incomplete},
		"unknown key of a component":             {tcb(replace(`{"svn":1}`, `{"svn":1,"min":0}`)), incomplete},
		"duplicate key of a component":           {tcb(replace(`{"svn":1}`, `{"svn":1,"svn":0}`)), unusable("TCB_INFO_UNSUPPORTED_FORMAT", "")},
		"PCESVN missing":                         {tcb(drop("pcesvn")), incomplete},
		"PCESVN of 65536":                        {tcb(put("pcesvn", "65536")), incomplete},
		"unknown key of a tcb":                   {tcb(before("pcesvn", `"tdxtcbcomponents":[]`)), incomplete},
		"tcb is null":                            {v2(put("tcb", "null")), incomplete},
		"version 2, PCESVN missing":              {v2(drop("pcesvn")), incomplete},
		"version 2, component missing":           {v2(drop("sgxtcbcomp16svn")), incomplete},
		"version 2, component 17":                {v2(before("pcesvn", `"sgxtcbcomp17svn":0`)), incomplete},
		"version 2, component of 256":            {v2(put("sgxtcbcomp01svn", "256")), incomplete},
		"second level without a status":          {tcb(secondLevel(drop("tcbStatus"))), incomplete},
		"second level without PCESVN":            {tcb(secondLevel(drop("pcesvn"))), incomplete},
		"the same level twice":                   {tcb(secondLevel(same)), incomplete},
		"the same level with another status":     {tcb(secondLevel(put("tcbStatus", `"Revoked"`))), incomplete},
		"TCB_INFO_MISMATCH: FMSPC":               {tcb(put("fmspc", `"00906ED5ABCE"`)), unusable("TCB_INFO_MISMATCH", "00906ed5abce")},
		"TCB_INFO_MISMATCH: PCEID":               {tcb(put("pceId", `"1235"`)), unusable("TCB_INFO_MISMATCH", "")},
	}.refused(t)
	accepted(t, map[string]change{
		"version 2":              v2(same),
		"hexadecimal lower case": tcb(put("fmspc", `"00906ed5abcd"`)),
		"components described":   tcb(replace(`{"svn":1}`, `{"svn":1,"category":"BIOS","type":"Early Microcode Update"}`)),
		"two levels":             tcb(secondLevel(put("pcesvn", "12"))),
	})
}

// TestTCBNotSupported lets the platform be below the only level in one
// component at a time.
func TestTCBNotSupported(t *testing.T) {
	r := rows{}
	refusal := forged("TCB_NOT_SUPPORTED", "")
	for i := range 16 {
		below := func(s *scene) { s.platform.Components[i]-- }
		r[fmt.Sprintf("component %d", i+1)] = row{below, refusal}
		r[fmt.Sprintf("version 2, component %d", i+1)] = row{both(v2(same), below), refusal}
	}
	r["PCESVN"] = row{func(s *scene) { s.platform.PCESVN-- }, refusal}
	r["all others above"] = row{func(s *scene) {
		for i := range s.platform.Components {
			s.platform.Components[i] = 255
		}
		s.platform.PCESVN = 12
	}, refusal}
	r.refused(t)
}

func TestTCBLevels(t *testing.T) {
	tests := map[string]struct {
		platform func(*issue.Platform)
		want     dcap.Status
	}{
		"first":                     {func(*issue.Platform) {}, dcap.UpToDate},
		"above the first":           {func(p *issue.Platform) { p.Components[0]++; p.PCESVN++ }, dcap.UpToDate},
		"second, by a component":    {func(p *issue.Platform) { p.Components[15]-- }, dcap.OutOfDate},
		"second, by PCESVN":         {func(p *issue.Platform) { p.PCESVN-- }, dcap.OutOfDate},
		"second, others far above":  {func(p *issue.Platform) { p.Components = [16]uint8{0: 255, 15: 15, 14: 15}; p.PCESVN = 999 }, dcap.Revoked},
		"third":                     {func(p *issue.Platform) { p.Components, p.PCESVN = [16]uint8{}, 0 }, dcap.Revoked},
		"second again, in the last": {func(p *issue.Platform) { p.Components[15] = 15 }, dcap.OutOfDate},
	}
	for name, test := range tests {
		s := newScene()
		second := s.tcbInfo.Levels[0]
		second.Status, second.TCB = "OutOfDate", s.platform.TCB()
		second.TCB.Components[15].SVN--
		second.TCB.PCESVN--
		third := issue.TCBLevel{TCB: (&issue.Platform{}).TCB(), Date: second.Date, Status: "Revoked"}
		s.tcbInfo.Levels = append(s.tcbInfo.Levels, second, third)
		test.platform(&s.platform)
		v, err := s.play(t).verify()
		if err != nil || v.TCB.Status != test.want {
			t.Errorf("%s: %+v, %v; want %v", name, v, err, test.want)
		}
	}
}

// components edits the list of them.
func components(f func([]string) []string) edit {
	return func(body string) string {
		var c []string
		for i := 1; i <= 16; i++ {
			c = append(c, fmt.Sprintf(`{"svn":%d}`, i))
		}
		return replace("["+strings.Join(c, ",")+"]", "["+strings.Join(f(c), ",")+"]")(body)
	}
}

// secondLevel repeats the one level, edited.
func secondLevel(f edit) edit {
	return func(body string) string {
		start := strings.Index(oneLevel(body), `"tcbLevels":[`) + len(`"tcbLevels":[`)
		end := len(body) - len("]}")
		return body[:end] + "," + f(body[start:end]) + body[end:]
	}
}
