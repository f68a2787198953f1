package attest

import (
	"fmt"
	"slices"
	"time"
)

// What errors call the rules: the names of the JSON form.
const (
	ruleEnclave    = "builds, products"
	ruleDebug      = "allowDebug"
	ruleAttributes = "attributeMask, attributeValue"
	ruleFamily     = "familyIDs"
	ruleExtended   = "extendedProductIDs"
	ruleConfig     = "configIDs"
	ruleConfigSVN  = "minConfigSVN"
	ruleFMSPC      = "allowFMSPCs"
	rulePPID       = "allowPPIDs"
	ruleNotFMSPC   = "denyFMSPCs"
	ruleNotPPID    = "denyPPIDs"
	ruleDynamic    = "refuseDynamic"
	ruleCachedKeys = "refuseCachedKeys"
	ruleSMT        = "refuseSMT"
	ruleTCB        = "tcb"
	ruleTolerated  = "toleratedAdvisories"
	ruleRefused    = "refusedAdvisories"
	ruleEvaluation = "minEvaluation"
	ruleTCBDate    = "minTCBDate"
	ruleGrace      = "grace"
)

// refuse is called only where a rule is not satisfied, because describing what
// was found costs more than looking at it.
func refuse(rule string, found, wanted any) error {
	return &PolicyError{rule, fmt.Sprint(found), fmt.Sprint(wanted)}
}

func (p *Policy) checkEnclave(id Identity, d *Details) error {
	switch {
	case !p.names(id):
		return refuse(ruleEnclave, describe(id), p.wanted())
	case id.Debug && !p.AllowDebug:
		return refuse(ruleDebug, "a debug enclave, which keeps nothing secret from its host", "a production enclave")
	case d.Attributes.and(p.AttributeMask) != p.AttributeValue:
		return refuse(ruleAttributes, d.Attributes.and(p.AttributeMask), p.AttributeValue)
	case !accepts(p.FamilyIDs, d.KSS.FamilyID):
		return refuse(ruleFamily, d.KSS.FamilyID, oneOf(p.FamilyIDs))
	case !accepts(p.ExtendedProductIDs, d.KSS.ExtendedProductID):
		return refuse(ruleExtended, d.KSS.ExtendedProductID, oneOf(p.ExtendedProductIDs))
	case !accepts(p.ConfigIDs, d.KSS.ConfigID):
		return refuse(ruleConfig, d.KSS.ConfigID, oneOf(p.ConfigIDs))
	case d.KSS.ConfigSVN < p.MinConfigSVN:
		return refuse(ruleConfigSVN, d.KSS.ConfigSVN, orMore(p.MinConfigSVN))
	}
	return nil
}

func (p *Policy) checkPlatform(on *Platform) error {
	const wanted = "a certificate that states no"
	switch {
	case !accepts(p.AllowFMSPCs, on.FMSPC):
		return refuse(ruleFMSPC, on.FMSPC, oneOf(p.AllowFMSPCs))
	case !accepts(p.AllowPPIDs, on.PPID):
		return refuse(rulePPID, on.PPID, oneOf(p.AllowPPIDs))
	case slices.Contains(p.DenyFMSPCs, on.FMSPC):
		return refuse(ruleNotFMSPC, on.FMSPC, "any other")
	case slices.Contains(p.DenyPPIDs, on.PPID):
		return refuse(ruleNotPPID, on.PPID, "any other")
	case p.RefuseDynamic && !on.Dynamic.no():
		return refuse(ruleDynamic, on.Dynamic, wanted)
	case p.RefuseCachedKeys && !on.CachedKeys.no():
		return refuse(ruleCachedKeys, on.CachedKeys, wanted)
	case p.RefuseSMT && !on.SMT.no():
		return refuse(ruleSMT, on.SMT, wanted)
	}
	return nil
}

func (p *Policy) checkTCB(t *TCB) error {
	switch {
	case t.Status == 0 || !slices.Contains(p.accepted(), t.Status):
		return refuse(ruleTCB, fmt.Sprintf("a platform that is %v %v", t.Status, t.Advisories), p.accepted())
	case p.ToleratedAdvisories != nil && !subset(t.Advisories, p.ToleratedAdvisories):
		return refuse(ruleTolerated, t.Advisories, fmt.Sprintf("none but %v", p.ToleratedAdvisories))
	case slices.ContainsFunc(t.Advisories, func(a string) bool { return slices.Contains(p.RefusedAdvisories, a) }):
		return refuse(ruleRefused, t.Advisories, fmt.Sprintf("none of %v", p.RefusedAdvisories))
	case t.Evaluation < p.MinEvaluation:
		return refuse(ruleEvaluation, t.Evaluation, orMore(p.MinEvaluation))
	case t.Date.Before(p.MinTCBDate):
		return refuse(ruleTCBDate, "a platform as of "+t.Date.Format(time.DateOnly), p.MinTCBDate.Format(time.DateOnly)+" or later")
	}
	return nil
}

// checkTime matters for a report that was made with more grace than p grants.
func (p *Policy) checkTime(r *Report) error {
	if r.Judged.Sub(r.Expires) > p.grace() {
		return refuse(ruleGrace, "collateral that had expired "+r.Judged.Sub(r.Expires).String()+" before", fmt.Sprintf("at most %v", p.grace()))
	}
	return nil
}

func (p *Policy) accepted() []TCBStatus {
	if p.TCB == nil {
		return []TCBStatus{UpToDate, SWHardeningNeeded}
	}
	return p.TCB
}

func (p *Policy) grace() time.Duration { return max(p.Grace, 0) }

// accepts reports whether v is in the list. Nil accepts anything.
func accepts[T comparable](list []T, v T) bool { return list == nil || slices.Contains(list, v) }

func subset(list, in []string) bool {
	return !slices.ContainsFunc(list, func(s string) bool { return !slices.Contains(in, s) })
}

func oneOf[T any](list []T) string { return fmt.Sprintf("one of %v", list) }

func orMore[T uint16 | uint32](n T) string { return fmt.Sprintf("%d or more", n) }

func (p *Policy) wanted() string {
	if len(p.Builds)+len(p.Products) == 0 {
		return "nothing: the policy names no enclave, so it trusts none"
	}
	return fmt.Sprintf("one of builds %v, products %v", p.Builds, p.Products)
}

func describe(id Identity) string {
	return fmt.Sprintf("build %v by signer %v product %d SVN %d", id.Measurement, id.Signer, id.ProductID, id.SVN)
}
