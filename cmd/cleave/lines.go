package main

import (
	"fmt"
	"strings"
)

// lines are the verdict for people: names of at most 11 letters, and values.
func (v *verdict) lines() (lines [][2]string) {
	add := func(name, format string, args ...any) {
		lines = append(lines, [2]string{name, fmt.Sprintf(format, args...)})
	}
	if c := v.Certificate; c != nil {
		if c.Server != "" {
			add("server", "%s, %s: it holds the certificate's key, which by itself says nothing", c.Server, c.Protocol)
		}
		add("certificate", "SHA-256 %s, %s, from %s to %s", c.SHA256, c.Subject, c.NotBefore, c.NotAfter)
		if len(c.Dialects) > 0 {
			add("dialect", "%s", c.dialects())
		}
	}
	if v.Version != 0 {
		add("quote", "%s, version %d", strings.ToUpper(v.TEE), v.Version)
	}
	if v.Measurement != "" {
		add("measurement", "%s", v.Measurement)
		add("signer", "%s", v.Signer)
		add("product", "%d, SVN %d", v.ProductID, v.SVN)
		add("debug", "%s", yesNo(v.Debug, "YES: its host can read its memory", "no"))
	}
	if v.Enclave != nil {
		add("attributes", "%v, MISCSELECT %08x, CPUSVN %s", v.Enclave.Attributes, v.Enclave.MiscSelect, v.Enclave.CPUSVN)
	}
	if v.Enclave != nil && v.Enclave.KSS != nil {
		k := v.Enclave.KSS
		add("KSS", "family %v, extended product %v, configuration %v SVN %d", k.FamilyID, k.ExtendedProductID, k.ConfigID, k.ConfigSVN)
	}
	if v.TD != nil {
		lines = append(lines, v.TD.lines(v.Debug)...)
	}
	if v.ReportData != "" {
		add("report data", "%s", v.ReportData)
	}
	if v.Certificate != nil && v.ReportData != "" {
		add("binding", "%s", yesNo(v.Certificate.Bound, "the report data name the certificate's key", "NO: the quote was not made for the certificate's key"))
	}
	if v.Platform != nil {
		add("platform", "%s", v.Platform.line(v.FMSPC))
	}
	add("authentic", "%s", v.authenticity())
	if v.TCB != nil {
		add("TCB", "%s, as of %s, evaluation %d", v.TCB.Status, v.TCB.Date, v.TCB.Evaluation)
		add("advisories", "%s", yesNo(len(v.TCB.Advisories) > 0, strings.Join(v.TCB.Advisories, " "), "none"))
		add("shares", "%s", v.TCB.line())
		add("expires", "%s", v.Expires+yesNo(v.Stale, ": IT RESTS ON EXPIRED COLLATERAL", ""))
	}
	if v.Trusted != nil {
		add("trusted", "%s", yesNo(*v.Trusted, "yes", "NO: "+v.Error))
	}
	return lines
}

// dialects names those of the evidence as people and as the flag does.
func (c *certificate) dialects() string {
	var names []string
	for _, d := range c.Dialects {
		key, _ := d.MarshalText()
		names = append(names, fmt.Sprintf("%v (-dialect %s)", d, key))
	}
	return strings.Join(names, " and ")
}

func (p *platform) line(fmspc string) string {
	facts := []string{"FMSPC " + fmspc, "PPID " + p.PPID.String(), p.Type}
	for _, fact := range []struct {
		name  string
		value *bool
	}{{"dynamic", p.Dynamic}, {"cached keys", p.CachedKeys}, {"SMT", p.SMT}} {
		if fact.value != nil {
			facts = append(facts, fact.name+" "+yesNo(*fact.value, "yes", "no"))
		}
	}
	return strings.Join(facts, ", ")
}

func (t *tcb) line() string {
	text := "platform " + t.Platform.line() + "; quoting enclave " + t.QuotingEnclave.line()
	if t.Module != nil {
		text += "; TDX module " + t.Module.line()
	}
	return text
}

func (s *share) line() string {
	return fmt.Sprintf("%s as of %s, evaluation %d", s.Status, s.Date, s.Evaluation)
}

func (v *verdict) authenticity() string {
	switch {
	case v.Authentic && v.IntelRoot:
		return "yes, by Intel's root"
	case v.Authentic:
		return "yes, but NOT INTEL'S ROOT: public key " + v.Root
	case v.Error != "":
		return "NO: " + v.Error
	case !v.IntelRoot:
		return "not checked: give -collateral; its certificates are under NOT INTEL'S ROOT"
	}
	return "not checked: give -collateral"
}

func yesNo(b bool, yes, no string) string {
	if b {
		return yes
	}
	return no
}
