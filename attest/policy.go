package attest

import (
	"slices"
	"time"
)

// Policy says which enclaves are trusted. The zero Policy trusts none.
//
// An enclave must be one of Builds or belong to one of Products, and satisfy
// everything else. A nil list asks for nothing; an empty one that is not nil
// accepts nothing.
//
// Its JSON form has the names below, all of which may be left out; unknown and
// repeated names are refused, and an error names the place, such as
// products[1].minSVN. [ParsePolicy] reads a file that may have comments too.
//
//	{
//	  "builds": ["<measurement>"],
//	  "products": [{"signer": "<signer>", "product": 1, "minSVN": 2}],
//	  "allowDebug": false,
//	  "attributeMask": "<32 digits>", "attributeValue": "<32 digits>",
//	  "familyIDs": ["<32 digits>"], "extendedProductIDs": ["<32 digits>"],
//	  "configIDs": ["<128 digits>"], "minConfigSVN": 0,
//	  "tcb": ["UpToDate", "SWHardeningNeeded"],
//	  "toleratedAdvisories": ["INTEL-SA-00615"], "refusedAdvisories": ["INTEL-SA-00289"],
//	  "minEvaluation": 17, "minTCBDate": "2024-03-13", "grace": "72h",
//	  "allowFMSPCs": ["<12 digits>"], "denyFMSPCs": ["<12 digits>"],
//	  "allowPPIDs": ["<32 digits>"], "denyPPIDs": ["<32 digits>"],
//	  "refuseDynamic": false, "refuseCachedKeys": false, "refuseSMT": false
//	}
type Policy struct {
	// Builds are single builds, by measurement.
	Builds []Measurement `json:"builds,omitempty"`
	// Products are lines of builds, by who signs them: see [SignedBy].
	Products []Product `json:"products,omitempty"`
	// AllowDebug accepts debug enclaves too, which keep nothing secret from
	// their host. It is for development.
	AllowDebug bool `json:"allowDebug,omitzero"`

	// AttributeMask are the bits of an enclave's attributes that must be as in
	// AttributeValue, which has no others. If zero, none.
	AttributeMask  Attributes `json:"attributeMask,omitzero"`
	AttributeValue Attributes `json:"attributeValue,omitzero"`
	// FamilyIDs, ExtendedProductIDs and ConfigIDs are the values accepted of
	// the [KSS] fields. If nil, any.
	FamilyIDs          []ID       `json:"familyIDs,omitzero"`
	ExtendedProductIDs []ID       `json:"extendedProductIDs,omitzero"`
	ConfigIDs          []ConfigID `json:"configIDs,omitzero"`
	// MinConfigSVN is the least version of the configuration.
	MinConfigSVN uint16 `json:"minConfigSVN,omitzero"`

	// TCB has the statuses accepted of the platform. If nil, UpToDate and
	// SWHardeningNeeded: the second is the best that many server platforms can
	// reach, and asks for what the EGo and Open Enclave toolchains do by
	// default. Intel's own library and Open Enclave accept the same two. Any
	// other means a known weakness that the platform's owner could mend.
	TCB []TCBStatus `json:"tcb,omitzero"`
	// ToleratedAdvisories, if not nil, are the only advisories that may apply.
	// If nil, those that come with an accepted status may.
	ToleratedAdvisories []string `json:"toleratedAdvisories,omitzero"`
	// RefusedAdvisories are advisories none of which may apply.
	RefusedAdvisories []string `json:"refusedAdvisories,omitzero"`
	// MinEvaluation is the least number of Intel's evaluation. Set it wherever
	// the time or the collateral is under the host's control, as it is inside
	// an enclave: it is what stops a host from having a platform judged by
	// what Intel knew years ago. Intel raises it a few times a year.
	MinEvaluation uint32 `json:"minEvaluation,omitzero"`
	// MinTCBDate is until when, at least, the platform must have known
	// weaknesses accounted for. Its JSON form may be a date alone.
	MinTCBDate time.Time `json:"-"`
	// Grace accepts collateral for this long after it has expired, for when its
	// source is down. What Intel has revoked or found since is then not seen:
	// [Report.Stale] says when that was so. If zero, there is none. Its JSON
	// form is that of [time.ParseDuration].
	Grace time.Duration `json:"-"`

	// AllowFMSPCs and AllowPPIDs are the only kinds of platforms and the only
	// machines accepted. If nil, any. Lists of one's own machines are the only
	// defence against keys extracted from somebody else's.
	AllowFMSPCs []FMSPC `json:"allowFMSPCs,omitzero"`
	AllowPPIDs  []PPID  `json:"allowPPIDs,omitzero"`
	// DenyFMSPCs and DenyPPIDs are refused even so.
	DenyFMSPCs []FMSPC `json:"denyFMSPCs,omitzero"`
	DenyPPIDs  []PPID  `json:"denyPPIDs,omitzero"`
	// RefuseDynamic, RefuseCachedKeys and RefuseSMT accept only platforms whose
	// certificate states that they are not so: see [Platform]. Those of
	// Standard platforms state nothing.
	RefuseDynamic    bool `json:"refuseDynamic,omitzero"`
	RefuseCachedKeys bool `json:"refuseCachedKeys,omitzero"`
	RefuseSMT        bool `json:"refuseSMT,omitzero"`
}

// Check returns nil if the policy trusts what r is of, else a [*PolicyError].
// It is for reports that [Verifier.Authenticate] returned:
// [Verifier.Verify] has checked its reports already.
func (p *Policy) Check(r *Report) error {
	if err := p.checkEnclave(r.Identity, &r.Details); err != nil {
		return err
	}
	if err := p.checkPlatform(&r.Platform); err != nil {
		return err
	}
	if err := p.checkTCB(&r.TCB); err != nil {
		return err
	}
	return p.checkTime(r)
}

// CheckLocal is Check for a local report. The rules for platforms, their TCB
// and collateral do not apply: the platform is the one this enclave is on.
func (p *Policy) CheckLocal(r *LocalReport) error { return p.checkEnclave(r.Identity, &r.Details) }

// names reports whether the policy trusts the enclave at all.
func (p *Policy) names(id Identity) bool {
	return slices.Contains(p.Builds, id.Measurement) ||
		slices.ContainsFunc(p.Products, func(product Product) bool { return product.includes(id) })
}
