package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
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
}

type tcb struct {
	Status     string   `json:"status"`
	Advisories []string `json:"advisories"`
	Date       string   `json:"date"`
	Evaluation uint32   `json:"evaluation"`
}

// decoded begins a verdict with what the quote itself says.
func decoded(quote []byte) (*verdict, error) {
	q, err := attest.ParseQuote(quote)
	if err != nil {
		return undecoded(quote, err), err
	}
	v := &verdict{TEE: "sgx", Version: q.Version}
	v.identify(q.Identity, q.Data, q.Platform, q.Root)
	return v, nil
}

// undecoded says of which kind a quote is that cannot be decoded.
func undecoded(quote []byte, err error) *verdict {
	v := &verdict{Error: err.Error()}
	if _, body, err := oe.ParseReport(quote); err == nil {
		quote = body
	}
	if version, tee, ok := dcap.Kind(quote); ok && version >= 3 && version <= 5 {
		v.Version, v.TEE = version, "sgx"
		if tee == dcap.TEETDX && version > 3 {
			v.TEE = "tdx"
		}
	}
	return v
}

func (v *verdict) identify(id attest.Identity, data [64]byte, p attest.Platform, root [32]byte) {
	v.Measurement = id.Measurement.String()
	v.Signer = id.Signer.String()
	v.ProductID, v.SVN, v.Debug = id.ProductID, id.SVN, id.Debug
	v.ReportData = hex.EncodeToString(data[:])
	v.FMSPC = hex.EncodeToString(p.FMSPC[:])
	v.Root = hex.EncodeToString(root[:])
	v.IntelRoot = root == sha256.Sum256(dcap.IntelRoot())
}

// authentic fills in what verification has found.
func (v *verdict) authentic(r *attest.Report) {
	v.Authentic = true
	v.identify(r.Identity, r.Data, r.Platform, r.Root)
	v.TCB = &tcb{r.TCB.Status.String(), append([]string{}, r.TCB.Advisories...), r.TCB.Date.Format(time.DateOnly), r.TCB.Evaluation}
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
	if asJSON {
		b, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			panic(err) // unreachable: strings and numbers
		}
		fmt.Fprintf(w, "%s\n", b)
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer t.Flush()
	for _, line := range v.lines() {
		fmt.Fprintf(t, "%s\t%s\n", line[0], line[1])
	}
}

func (v *verdict) lines() (lines [][2]string) {
	add := func(name, format string, args ...any) {
		lines = append(lines, [2]string{name, fmt.Sprintf(format, args...)})
	}
	if v.Version != 0 {
		add("quote", "%s, version %d", strings.ToUpper(v.TEE), v.Version)
	}
	if v.Measurement != "" {
		add("measurement", "%s", v.Measurement)
		add("signer", "%s", v.Signer)
		add("product", "%d, SVN %d", v.ProductID, v.SVN)
		add("debug", "%s", yesNo(v.Debug, "YES: its host can read its memory", "no"))
		add("report data", "%s", v.ReportData)
		add("platform", "FMSPC %s", v.FMSPC)
	}
	add("authentic", "%s", v.authenticity())
	if v.TCB != nil {
		add("TCB", "%s, as of %s, evaluation %d", v.TCB.Status, v.TCB.Date, v.TCB.Evaluation)
		add("advisories", "%s", yesNo(len(v.TCB.Advisories) > 0, strings.Join(v.TCB.Advisories, " "), "none"))
	}
	if v.Trusted != nil {
		add("trusted", "%s", yesNo(*v.Trusted, "yes", "NO: "+v.Error))
	}
	return lines
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
