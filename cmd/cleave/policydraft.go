package main

import "text/template"

// draft is a policy with comments. Each line that is commented out and ends in
// a comma is one that may be taken in as it is; the last is always there, and
// has none.
var draft = template.Must(template.New("policy").Parse(`// A policy for attested enclaves, begun by cleave policy init. It is JSON, in
// which whole lines may be comments, and is read by cleave verify -policy and by
// attest.ParsePolicy. What is commented out shows what else can be asked for.
{{- if .Judged}}
//
// Taken from {{.From}}, authentic by
// {{if .Report.IntelRoot}}Intel's root{{else}}a root that is NOT INTEL'S{{end}}, judged at {{.Report.Judged.UTC.Format "2006-01-02 15:04"}} UTC.
{{- else if .Signed}}
//
// Taken from {{.From}}, as it was signed on {{.Signed}}.
{{- else if .From}}
//
// Taken from {{.From}}, which HAS NOT BEEN VERIFIED.
// Compare with what your build prints, or give -collateral.
{{- end}}
{
  // Single builds, by measurement (MRENCLAVE, ego uniqueid). With these, every
  // release has to be named here before it is trusted.
  // "builds": ["{{.Report.Measurement}}"],

  // All that a signer (MRSIGNER, ego signerid) has signed as one product, from
  // a security version on. Raise minSVN when a release mends a weakness.
  "products": [
{{- if .From}}
    {"signer": "{{.Report.Signer}}", "product": {{.Report.ProductID}}, "minSVN": {{.Report.SVN}}}
{{- end}}
  ],

  // The platform's TCB statuses accepted; these two are the default. The second
  // is the best that many servers can reach, and asks for mitigations that the
  // EGo and Open Enclave toolchains apply. Others are known to be weak.
  "tcb": ["UpToDate", "SWHardeningNeeded"],

  // If there, no advisories may apply but these; and none of those.
  // "toleratedAdvisories": [{{range $i, $a := .Report.TCB.Advisories}}{{if $i}}, {{end}}"{{$a}}"{{end}}],
  // "refusedAdvisories": ["INTEL-SA-00289"],

  // The least number of Intel's evaluation. Needed wherever the host has a say in
  // time or collateral, as it has inside an enclave.
{{- if .Judged}}
  "minEvaluation": {{.Report.TCB.Evaluation}},
  // "minTCBDate": "{{.Report.TCB.Date.UTC.Format "2006-01-02"}}",
{{- else}}
  // "minEvaluation": 17,
  // "minTCBDate": "2024-03-13",
{{- end}}
  // How long collateral counts after it has expired, for when its source is down.
  // "grace": "72h",

  // Kinds of platforms, and single machines. Lists of your own machines are the
  // only defence against keys extracted from somebody else's.
  // "allowFMSPCs": ["{{.Report.Platform.FMSPC}}"],
  // "allowPPIDs": ["{{.Report.Platform.PPID}}"],
  // "denyFMSPCs": [],
  // "denyPPIDs": [],
  // "refuseDynamic": true,
  // "refuseCachedKeys": true,
  // "refuseSMT": true,

  // Attributes under a mask, and what key separation and sharing (KSS) adds.
  // "attributeMask": "02000000000000000000000000000000",
  // "attributeValue": "00000000000000000000000000000000",
  // "familyIDs": ["{{.Report.KSS.FamilyID}}"],
  // "extendedProductIDs": ["{{.Report.KSS.ExtendedProductID}}"],
  // "configIDs": ["{{.Report.KSS.ConfigID}}"],
  // "minConfigSVN": {{.Report.KSS.ConfigSVN}},

  // Debug enclaves keep nothing secret from their host.
{{- if .Report.Debug}}
  // {{if .Signed}}IT IS SIGNED AS{{else}}THE EVIDENCE IS OF{{end}} A DEBUG ENCLAVE, which this policy refuses.
{{- end}}
  "allowDebug": false
}
`))
