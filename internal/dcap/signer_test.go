package dcap_test

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/issue"
)

// A document is one of the two that Intel signs: what applies to one applies
// to the other.
type document struct {
	content, chain func(*evidence) *[]byte
	body           func(*scene) *edit
	prefix         string // of Intel's names for what may be wrong with it
}

func documents() map[string]document {
	return map[string]document{
		"TCB info": {
			func(e *evidence) *[]byte { return &e.collateral.TCBInfo },
			func(e *evidence) *[]byte { return &e.collateral.TCBInfoChain },
			func(s *scene) *edit { return &s.editTCB },
			"TCB_INFO",
		},
		"QE identity": {
			func(e *evidence) *[]byte { return &e.collateral.QEIdentity },
			func(e *evidence) *[]byte { return &e.collateral.QEIdentityChain },
			func(s *scene) *edit { return &s.editQE },
			"ENCLAVE_IDENTITY",
		},
	}
}

// signed edits the body before it is signed.
func (d document) signed(f edit) change {
	return func(s *scene) { *d.body(s) = f }
}

// received edits the whole document.
func (d document) received(f edit) change {
	return handed(func(e *evidence) { *d.content(e) = []byte(f(string(*d.content(e)))) })
}

// chained has another chain.
func (d document) chained(f func(*people) []byte) change {
	return func(s *scene) {
		var p *people
		s.certified = func(all *people) { p = all }
		s.handed = func(e *evidence) { *d.chain(e) = f(p) }
	}
}

func TestDocuments(t *testing.T) {
	for name, d := range documents() {
		unsupported := unusable(d.prefix+"_UNSUPPORTED_FORMAT", name)
		schema := unusable(d.prefix+"_INVALID", "schema")
		incomplete := unusable(d.prefix+"_INVALID", "all its fields")
		signature := unusable(d.prefix+"_INVALID_SIGNATURE", name)
		expired := unusable(d.prefix+"_EXPIRED", name)
		t.Run(name, func(t *testing.T) {
			rows{
				"missing":                   {d.received(func(string) string { return "" }), unsupported},
				"not JSON":                  {d.received(func(string) string { return "<html>" }), unsupported},
				"more than 1 MiB":           {d.received(func(doc string) string { return doc + strings.Repeat(" ", 1<<20) }), unsupported},
				"trailing bytes":            {d.received(func(doc string) string { return doc + "0" }), unsupported},
				"duplicate key outside":     {d.received(before("signature", `"signature":""`)), unsupported},
				"unknown key outside":       {d.received(before("signature", `"chain":""`)), unsupported},
				"key in another case":       {d.received(replace(`"signature"`, `"Signature"`)), unsupported},
				"signature not hexadecimal": {d.received(put("signature", `"0x00"`)), unsupported},
				"not UTF-8":                 {d.signed(put("version", "\"\xFF\"")), unsupported},

				"duplicate key":                   {d.signed(before("version", `"version":9`)), unsupported},
				"duplicate key of a level":        {d.signed(before("tcbStatus", `"tcbStatus":"Revoked"`)), unsupported},
				"body is null":                    {d.signed(func(string) string { return "null" }), incomplete},
				"body is a list":                  {d.signed(func(body string) string { return "[" + body + "]" }), schema},
				"unknown key":                     {d.signed(before("version", `"tdxModule":{}`)), schema},
				"unknown key of 100 KB":           {d.signed(before("version", `"`+strings.Repeat("long", 25_000)+`":{}`)), schema},
				"unknown key of a level":          {d.signed(before("tcbStatus", `"x":1`)), schema},
				"key of a level in another case":  {d.signed(replace(`"tcbStatus"`, `"TCBStatus"`)), schema},
				"version as text":                 {d.signed(put("version", `"3"`)), schema},
				"unknown version 1":               {d.signed(put("version", "1")), incomplete},
				"unknown version 4":               {d.signed(put("version", "4")), incomplete},
				"no version":                      {d.signed(drop("version")), incomplete},
				"no levels":                       {d.signed(put("tcbLevels", "[]")), incomplete},
				"levels missing":                  {d.signed(drop("tcbLevels")), incomplete},
				"levels are null":                 {d.signed(put("tcbLevels", "null")), incomplete},
				"empty level":                     {d.signed(put("tcbLevels", "[{}]")), incomplete},
				"unknown status":                  {d.signed(put("tcbStatus", `"TotallyFine"`)), schema},
				"status in another case":          {d.signed(put("tcbStatus", `"uptodate"`)), schema},
				"the status that there is none":   {d.signed(put("tcbStatus", `"Unknown"`)), schema},
				"status missing":                  {d.signed(drop("tcbStatus")), incomplete},
				"status is null":                  {d.signed(put("tcbStatus", "null")), incomplete},
				"date missing":                    {d.signed(drop("tcbDate")), incomplete},
				"date that is none":               {d.signed(put("tcbDate", `"2026-02-30T00:00:00Z"`)), schema},
				"evaluation missing":              {d.signed(drop("tcbEvaluationDataNumber")), incomplete},
				"relaunch advised":                {d.signed(put("tcbStatus", `"TDRelaunchAdvised"`)), incomplete},
				"negative evaluation":             {d.signed(put("tcbEvaluationDataNumber", "-1")), schema},
				"EXPIRED":                         {d.signed(put("nextUpdate", `"2026-03-01T11:59:59Z"`)), expired},
				"without an end":                  {d.signed(drop("nextUpdate")), incomplete},
				"from the future":                 {d.signed(put("issueDate", `"2026-03-01T12:00:01Z"`)), expired},
				"without a beginning":             {d.signed(drop("issueDate")), incomplete},
				"INVALID_SIGNATURE: body changed": {d.received(put("tcbDate", `"2026-02-20T12:00:00Z"`)), signature},
				"INVALID_SIGNATURE: space added":  {d.received(replace(`"version":`, `"version": `)), signature},
				"INVALID_SIGNATURE: zeros":        {d.received(put("signature", `"`+strings.Repeat("00", 64)+`"`)), signature},
				"INVALID_SIGNATURE: empty":        {d.received(put("signature", `""`)), signature},
				"INVALID_SIGNATURE: of 65 bytes":  {d.received(replace(`"signature":"`, `"signature":"00`)), signature},
				"INVALID_SIGNATURE: missing":      {d.received(drop("signature")), signature},
			}.refused(t)
			accepted(t, map[string]change{
				"white space in the body": d.signed(replace(`"version":`, "\n\t\"version\" : ")),
				"white space around":      d.received(func(doc string) string { return "\r\n " + doc + "\t\n" }),
				"second of expiry":        d.signed(put("nextUpdate", `"2026-03-01T12:00:00Z"`)),
				"second of issue":         d.signed(put("issueDate", `"2026-03-01T12:00:00Z"`)),
				"no advisories":           d.signed(before("tcbStatus", `"advisoryIDs":[]`)),
			})
		})
	}
}

func TestSigningChain(t *testing.T) {
	for name, d := range documents() {
		missing, rootless := unusable("TCB_SIGNING_CERT_MISSING", name), unusable("SGX_ROOT_CA_MISSING", name)
		late := func(says string) refusal { return unusable("SIGNING_CERT_CHAIN_EXPIRED", name+": "+says) }
		untrusted := func(says string) refusal { return unusable("TCB_SIGNING_CERT_CHAIN_UNTRUSTED", name+": "+says) }
		t.Run(name, func(t *testing.T) {
			rows{
				"TCB_SIGNING_CERT_MISSING": {d.chained(func(*people) []byte { return nil }), unusable("TCB_SIGNING_CERT_MISSING", "missing or not")},
				"garbage":                  {d.chained(func(*people) []byte { return []byte("<html>") }), unusable("TCB_SIGNING_CERT_MISSING", "missing or not")},
				"without the root":         {d.chained(func(p *people) []byte { return issue.PEM(p.signing.Certificate) }), rootless},
				"only the root":            {d.chained(func(p *people) []byte { return issue.PEM(p.root.Certificate) }), missing},
				"root twice":               {d.chained(func(p *people) []byte { return issue.PEM(p.root.Certificate, p.root.Certificate) }), missing},
				"extra certificate": {d.chained(func(p *people) []byte {
					return issue.PEM(p.signing.Certificate, p.ca.Certificate, p.root.Certificate)
				}), unusable("TCB_SIGNING_CERT_CHAIN_UNTRUSTED", name+" is not one of")},
				"PCK CA as signer": {d.chained(func(p *people) []byte { return issue.PEM(p.ca.Certificate, p.root.Certificate) }), missing},
				"PCK as signer": {d.chained(func(p *people) []byte {
					return issue.PEM(p.pck.Certificate, p.ca.Certificate, p.root.Certificate)
				}), missing},
				"PCK as signer without its root": {d.chained(func(p *people) []byte { return issue.PEM(p.pck.Certificate, p.ca.Certificate) }), missing},
				"signer below the PCK CA": {d.chained(func(p *people) []byte {
					below := must(issue.TCBSigning(issue.SimulatorNames().TCBSigning, lifetime).Issue(p.ca, nil))(t)
					return issue.PEM(below.Certificate, p.ca.Certificate)
				}), rootless},
				"other name of the signer": {d.chained(func(p *people) []byte { return apart(t, p, issue.Subject{CommonName: "Intel SGX Signing"}) }), missing},
				"other name of the root": {d.chained(func(p *people) []byte {
					root := must(issue.RootCA(issue.Subject{CommonName: "Root"}, lifetime).Issue(nil, p.root.Key))(t)
					signing := must(issue.TCBSigning(issue.SimulatorNames().TCBSigning, lifetime).Issue(root, p.signing.Key))(t)
					return issue.PEM(signing.Certificate, root.Certificate)
				}), rootless},
				"wrong root with the same name": {func(s *scene) {
					stranger := newScene().play(t)
					s.handed = func(e *evidence) {
						*d.content(e) = *d.content(stranger)
						*d.chain(e) = *d.chain(stranger)
					}
				}, untrusted("it ends in another root")},
				"TCB_SIGNING_CERT_INVALID_ISSUER": {d.chained(func(p *people) []byte {
					resign(t, p.signing, p.root, p.pck.Key)
					return issue.PEM(p.signing.Certificate, p.root.Certificate)
				}), unusable("TCB_SIGNING_CERT_INVALID_ISSUER", name+`: "Cleave Simulator SGX TCB Signing" is not signed`)},
				"SIGNING_CERT_CHAIN_EXPIRED": {d.chained(signing(t, func(p *issue.Profile) { p.Validity.Until = noon.AddDate(0, 0, -1) })), late(`"Cleave Simulator SGX TCB Signing" is not valid`)},
				"not yet valid":              {d.chained(signing(t, func(p *issue.Profile) { p.Validity.From = noon.AddDate(0, 0, 1) })), late(`"Cleave Simulator SGX TCB Signing" is not valid`)},
				"wrong key usage":            {d.chained(signing(t, func(p *issue.Profile) { p.KeyUsage = x509.KeyUsageContentCommitment })), untrusted(`"Cleave Simulator SGX TCB Signing" is not a certificate for signing`)},
				"no basic constraints": {d.chained(signing(t, func(p *issue.Profile) {
					p.Omit = []asn1.ObjectIdentifier{issue.OIDBasicConstraints()}
				})), untrusted(`"Cleave Simulator SGX TCB Signing" is not a certificate for signing`)},
				"expired root": {d.chained(func(p *people) []byte {
					profile := issue.RootCA(issue.SimulatorNames().Root, issue.Validity{From: lifetime.From, Until: noon.AddDate(0, 0, -1)})
					root := must(profile.Issue(nil, p.root.Key))(t)
					return issue.PEM(p.signing.Certificate, root.Certificate)
				}), late(`"Cleave Simulator SGX Root CA" is not valid`)},
				"root with the same key and another name": {d.chained(func(p *people) []byte {
					root := must(issue.RootCA(issue.IntelNames().Root, lifetime).Issue(nil, p.root.Key))(t)
					signing := must(issue.TCBSigning(issue.IntelNames().TCBSigning, lifetime).Issue(root, p.signing.Key))(t)
					return issue.PEM(signing.Certificate, root.Certificate)
				}), unusable("CRL_UNKNOWN_ISSUER", "root CA")},
				"INVALID_SIGNATURE: by another signing key": {d.chained(func(p *people) []byte {
					return apart(t, p, issue.SimulatorNames().TCBSigning)
				}), unusable(d.prefix+"_INVALID_SIGNATURE", name)},
			}.refused(t)
			accepted(t, map[string]change{
				"root first": d.chained(func(p *people) []byte { return issue.PEM(p.root.Certificate, p.signing.Certificate) }),
				"with a NUL": d.chained(func(p *people) []byte { return append(issue.PEM(p.root.Certificate, p.signing.Certificate), 0) }),
			})
		})
	}
}

// signing is a chain with the same key in a changed certificate.
func signing(t *testing.T, f func(*issue.Profile)) func(*people) []byte {
	return func(p *people) []byte {
		profile := issue.TCBSigning(issue.SimulatorNames().TCBSigning, lifetime)
		f(&profile)
		return issue.PEM(must(profile.Issue(p.root, p.signing.Key))(t).Certificate, p.root.Certificate)
	}
}

// apart is a chain with another key.
func apart(t *testing.T, p *people, subject issue.Subject) []byte {
	profile := issue.TCBSigning(subject, lifetime)
	return issue.PEM(must(profile.Issue(p.root, nil))(t).Certificate, p.root.Certificate)
}

// TestDocumentsExchanged gives each for the other, with its good signature.
func TestDocumentsExchanged(t *testing.T) {
	rows{
		"exchanged": {handed(func(e *evidence) {
			c := &e.collateral
			c.TCBInfo, c.QEIdentity = c.QEIdentity, c.TCBInfo
		}), unusable("TCB_INFO_UNSUPPORTED_FORMAT", "")},
		"TCB info under the other's name": {handed(func(e *evidence) {
			e.collateral.QEIdentity = bytes.Replace(e.collateral.TCBInfo, []byte("tcbInfo"), []byte("enclaveIdentity"), 1)
		}), unusable("ENCLAVE_IDENTITY_INVALID", "")},
		"nothing": {handed(func(e *evidence) { e.collateral = dcap.Collateral{} }), unusable("TCB_INFO_UNSUPPORTED_FORMAT", "")},
	}.refused(t)
}

func TestDocumentsTruncated(t *testing.T) {
	for name, d := range documents() {
		e := newScene().play(t)
		good := *d.content(e)
		for n := range good {
			*d.content(e) = good[:n]
			if v, err := e.verify(); err == nil || v != nil {
				t.Fatalf("%s: %d of %d bytes verify", name, n, len(good))
			}
		}
	}
}
