package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/oe"
)

// verdict is what the commands print. Its JSON form is an interface: fields
// are added, never changed.
type verdict struct {
	Authentic   bool   `json:"authentic"`
	Trusted     *bool  `json:"trusted,omitempty"` // verify only
	Error       string `json:"error"`
	TEE         string `json:"tee"`
	Version     uint16 `json:"version"`
	Measurement string `json:"measurement"`
	Signer      string `json:"signer"`
	ProductID   uint16 `json:"productID"`
	SVN         uint16 `json:"svn"`
	Debug       bool   `json:"debug"`
	ReportData  string `json:"reportData"`
	FMSPC       string `json:"fmspc"`
	Root        string `json:"root"`
	IntelRoot   bool   `json:"intelRoot"`
	TCB         *tcb   `json:"tcb,omitempty"` // where it was judged

	Certificate *certificate `json:"certificate,omitempty"` // where the quote is in one
	Enclave     *enclave     `json:"enclave,omitempty"`
	TD          *td          `json:"td,omitempty"`
	Platform    *platform    `json:"platform,omitempty"`
	Judged      string       `json:"judged,omitempty"`
	Expires     string       `json:"expires,omitempty"`
	Stale       bool         `json:"stale,omitempty"`
}

type tcb struct {
	Status         string   `json:"status"`
	Advisories     []string `json:"advisories"`
	Date           string   `json:"date"`
	Evaluation     uint32   `json:"evaluation"`
	Platform       *share   `json:"platform"`
	QuotingEnclave *share   `json:"quotingEnclave"`
	Module         *share   `json:"module,omitempty"`
}

type share struct {
	Status     string   `json:"status"`
	Advisories []string `json:"advisories"`
	Date       string   `json:"date"`
	Evaluation uint32   `json:"evaluation"`
}

// certificate is an attested certificate. Bound is whether the report data of
// all its quotes name the certificate's key, each by the rule of its dialect.
type certificate struct {
	SHA256    string           `json:"sha256"`
	Subject   string           `json:"subject"`
	NotBefore string           `json:"notBefore"`
	NotAfter  string           `json:"notAfter"`
	Bound     bool             `json:"bound"`
	Dialects  []attest.Dialect `json:"dialects,omitempty"` // of its quotes
	Server    string           `json:"server,omitempty"`   // that has shown it
	Protocol  string           `json:"protocol,omitempty"`
}

type enclave struct {
	Attributes attest.Attributes `json:"attributes"`
	MiscSelect uint32            `json:"miscSelect"`
	CPUSVN     string            `json:"cpusvn"`
	KSS        *kss              `json:"kss,omitempty"`
}

type kss struct {
	FamilyID          attest.ID       `json:"familyID"`
	ExtendedProductID attest.ID       `json:"extendedProductID"`
	ConfigID          attest.ConfigID `json:"configID"`
	ConfigSVN         uint16          `json:"configSVN"`
}

// platform has what its certificate does not state as absent.
type platform struct {
	PPID       attest.PPID `json:"ppid"`
	PCEID      string      `json:"pceid"`
	Type       string      `json:"type"`
	InstanceID string      `json:"instanceID,omitempty"`
	Dynamic    *bool       `json:"dynamic,omitempty"`
	CachedKeys *bool       `json:"cachedKeys,omitempty"`
	SMT        *bool       `json:"smt,omitempty"`
}

// decoded begins a verdict with what the evidence itself says.
func decoded(s *subject) (*verdict, error) {
	v := new(verdict)
	if s.certificate != nil {
		v.certify(s)
	}
	if s.err != nil {
		v.Error = s.err.Error()
		return v, s.err
	}
	return v, v.decode(s)
}

func (v *verdict) certify(s *subject) {
	sum := sha256.Sum256(s.certificate.Raw)
	v.Certificate = &certificate{
		SHA256:    hex.EncodeToString(sum[:]),
		Subject:   fmt.Sprintf("%.200s", printable(s.certificate.Subject.String())),
		NotBefore: s.certificate.NotBefore.UTC().Format(time.RFC3339),
		NotAfter:  s.certificate.NotAfter.UTC().Format(time.RFC3339),
		Bound:     len(s.evidence) > 0,
		Server:    s.server,
		Protocol:  s.protocol,
	}
	for _, e := range s.evidence {
		v.Certificate.Dialects = append(v.Certificate.Dialects, e.Dialect)
		v.Certificate.Bound = v.Certificate.Bound && e.Bound
	}
}

func (v *verdict) decode(s *subject) error {
	if v.decodeKind(s.quote); v.TEE == "tdx" {
		return v.decodeTD(s.quote)
	}
	q, err := attest.ParseQuote(s.quote)
	if err != nil {
		v.Error = err.Error()
		return err
	}
	platform, root, err := q.Origin()
	if err != nil {
		v.Error = err.Error()
		return err
	}
	v.TEE, v.Version = "sgx", q.Version
	v.identify(q.Identity, q.Details, q.Data)
	v.place(platform, root)
	return nil
}

// printable quotes what a certificate may say, if it could pass for more than
// words: a line of the verdict, or a command to the terminal.
func printable(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) >= 0 {
		return strconv.Quote(s)
	}
	return s
}

// decodeKind says of which kind a quote is, even if the rest cannot be decoded.
func (v *verdict) decodeKind(quote []byte) {
	if version, tee, ok := dcap.Kind(bare(quote)); ok && version >= 3 && version <= 5 {
		v.Version, v.TEE = version, "sgx"
		if tee == dcap.TEETDX && version > 3 {
			v.TEE = "tdx"
		}
	}
}

// bare takes Open Enclave's header off a report or evidence.
func bare(quote []byte) []byte {
	if _, body, err := oe.ParseReport(quote); err == nil {
		return body
	}
	if _, body, err := oe.ParseEvidence(quote); err == nil {
		return body
	}
	return quote
}

func (v *verdict) identify(id attest.Identity, d attest.Details, data [64]byte) {
	v.Measurement = id.Measurement.String()
	v.Signer = id.Signer.String()
	v.ProductID, v.SVN, v.Debug = id.ProductID, id.SVN, id.Debug
	v.ReportData = hex.EncodeToString(data[:])
	v.Enclave = &enclave{Attributes: d.Attributes, MiscSelect: d.MiscSelect, CPUSVN: hex.EncodeToString(d.CPUSVN[:])}
	if d.KSS != (attest.KSS{}) {
		v.Enclave.KSS = (*kss)(&d.KSS)
	}
}

func (v *verdict) place(p attest.Platform, root [32]byte) {
	v.FMSPC = p.FMSPC.String()
	v.Root = hex.EncodeToString(root[:])
	v.IntelRoot = root == sha256.Sum256(dcap.IntelRoot())
	v.Platform = &platform{PPID: p.PPID, PCEID: hex.EncodeToString(p.PCEID[:]), Type: p.Type.String(),
		Dynamic: stated(p.Dynamic), CachedKeys: stated(p.CachedKeys), SMT: stated(p.SMT)}
	if p.InstanceID != [16]byte{} {
		v.Platform.InstanceID = hex.EncodeToString(p.InstanceID[:])
	}
}

func stated(s attest.Stated) *bool {
	if !s.Known {
		return nil
	}
	return &s.Value
}

// authentic fills in what verification has found.
func (v *verdict) authentic(r *attest.Report) {
	v.Authentic = true
	v.identify(r.Identity, r.Details, r.Data)
	v.place(r.Platform, r.Root)
	v.judge(&r.TCB, r.Judged, r.Expires)
	v.Stale = r.Stale()
}

func (v *verdict) judge(t *attest.TCB, judged, expires time.Time) {
	whole := shareOf(attest.Share{Status: t.Status, Advisories: t.Advisories, Date: t.Date, Evaluation: t.Evaluation})
	v.TCB = &tcb{whole.Status, whole.Advisories, whole.Date, whole.Evaluation, shareOf(t.Platform), shareOf(t.QuotingEnclave), nil}
	v.Judged, v.Expires = judged.UTC().Format(time.RFC3339), expires.UTC().Format(time.RFC3339)
}

func shareOf(s attest.Share) *share {
	return &share{s.Status.String(), append([]string{}, s.Advisories...), s.Date.Format(time.DateOnly), s.Evaluation}
}

// trust says what the policy found.
func (v *verdict) trust(err error) {
	trusted := err == nil
	v.Trusted = &trusted
	if err != nil {
		v.Error = err.Error()
	}
}

func (v *verdict) print(w io.Writer, asJSON bool) {
	printAs(w, asJSON, v, func(t io.Writer) {
		for _, line := range v.lines() {
			fmt.Fprintf(t, "%s\t%s\n", line[0], line[1])
		}
	})
}
