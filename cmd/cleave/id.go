package main

import (
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/manifest"
	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// identity is who a file is. Its JSON form is an interface: fields are added,
// never changed. A simulated measurement has a name of its own, so that nobody
// takes it for one.
type identity struct {
	Kind      string `json:"kind"` // "signed", "simulated" or "key"
	Simulated bool   `json:"simulated"`
	Error     string `json:"error"`

	Measurement          string  `json:"measurement,omitempty"`
	SimulatedMeasurement string  `json:"simulatedMeasurement,omitempty"`
	Signer               string  `json:"signer,omitempty"`
	ProductID            *uint16 `json:"productID,omitempty"`
	SVN                  *uint16 `json:"svn,omitempty"`
	Debug                *bool   `json:"debug,omitempty"` // whether it may be

	SigStruct *sigStruct `json:"sigstruct,omitempty"`
	Note      string     `json:"note,omitempty"`

	report *attest.Report // what a policy is made of
}

// sigStruct is what else an executable is signed with.
type sigStruct struct {
	Valid         bool              `json:"valid"` // its signature is right
	Date          string            `json:"date"`
	Vendor        uint32            `json:"vendor"`
	Attributes    attest.Attributes `json:"attributes"`
	AttributeMask attest.Attributes `json:"attributeMask"`
	MiscSelect    uint32            `json:"miscSelect"`
	MiscMask      uint32            `json:"miscMask"`
	FamilyID      attest.ID         `json:"familyID"`
	ExtProductID  attest.ID         `json:"extendedProductID"`
}

// identify says who a file is.
func identify(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("id", flag.ContinueOnError)
	asJSON := flags.Bool("json", false, "print as JSON")
	asPolicy := flags.Bool("policy", false, "print a policy that trusts what the executable's signer signs as this product from this version on")
	if err := parseFlags(flags, args, stdout, stderr); err != nil {
		return fail(stderr, err)
	}
	if flags.NArg() != 1 || *asJSON && *asPolicy {
		return fail(stderr, errors.New("id takes one FILE, after the flags, and prints -json or -policy"))
	}
	id, err := identityOf(flags.Arg(0))
	if err != nil {
		return fail(stderr, err)
	}
	if *asPolicy {
		return id.policy(flags.Arg(0), stdout, stderr)
	}
	id.print(stdout, *asJSON)
	if id.Error != "" {
		return exitNo
	}
	return exitYes
}

func identityOf(name string) (*identity, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil || !info.Mode().IsRegular(): // which says what is wrong, and does not wait for it
		return simulatedIdentity(name)
	case beginsWith(name, "\x7fELF"):
		return executableIdentity(name)
	case beginsWith(name, "-----BEGIN "):
		signer, err := manifest.SignerOf(name)
		return &identity{Kind: "key", Signer: attest.Signer(signer).String()}, err
	}
	return simulatedIdentity(name)
}

// executableIdentity is that of what ego sign has signed, or else the
// simulated one.
func executableIdentity(name string) (*identity, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s, err := oe.ReadSigStruct(f)
	switch {
	case errors.Is(err, oe.ErrUnsigned):
		id, other := simulatedIdentity(name)
		if other != nil {
			return nil, other
		}
		id.Note = err.Error()
		return id, nil
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return signedIdentity(s), nil
}

func signedIdentity(s *sgx.SigStruct) *identity {
	// EINIT leaves to the host what the mask leaves out.
	debug := s.Attributes.Debug() || !s.AttributeMask.Debug()
	id := &identity{
		Kind:        "signed",
		Measurement: attest.Measurement(s.MRENCLAVE).String(),
		Signer:      attest.Signer(s.MRSIGNER()).String(),
		ProductID:   &s.ProductID,
		SVN:         &s.SVN,
		Debug:       &debug,
		SigStruct: &sigStruct{
			Date:          signingDate(s.Date),
			Vendor:        s.Vendor,
			Attributes:    attest.Attributes(s.Attributes),
			AttributeMask: attest.Attributes(s.AttributeMask),
			MiscSelect:    s.MiscSelect,
			MiscMask:      s.MiscMask,
			FamilyID:      s.FamilyID,
			ExtProductID:  s.ExtProductID,
		},
		report: &attest.Report{
			Identity: attest.Identity{Measurement: s.MRENCLAVE, Signer: s.MRSIGNER(), ProductID: s.ProductID, SVN: s.SVN, Debug: debug},
			Details:  attest.Details{KSS: attest.KSS{FamilyID: s.FamilyID, ExtendedProductID: s.ExtProductID}},
		},
	}
	if err := s.Verify(); err != nil {
		id.Error = err.Error()
	} else {
		id.SigStruct.Valid = true
	}
	return id
}

// signingDate writes what is in binary coded decimals, yyyymmdd.
func signingDate(bcd uint32) string {
	return fmt.Sprintf("%04x-%02x-%02x", bcd>>16, bcd>>8&0xFF, bcd&0xFF)
}

// simulatedIdentity is whom the simulator takes it for. A key that is not there
// yet is not made.
func simulatedIdentity(name string) (*identity, error) {
	m, err := manifest.Open(name)
	if err != nil {
		return nil, err
	}
	measurement, err := m.Measure()
	if err != nil {
		return nil, err
	}
	id := &identity{
		Kind: "simulated", Simulated: true,
		SimulatedMeasurement: hex.EncodeToString(measurement[:]),
		ProductID:            &m.ProductID, SVN: &m.SVN, Debug: &m.Debug,
	}
	switch signer, err := manifest.SignerOf(m.KeyFile()); {
	case errors.Is(err, fs.ErrNotExist):
		id.Note = fmt.Sprintf("there is no key %s yet; ego sign or a first run makes one", m.KeyFile())
	case err != nil:
		return nil, err
	default:
		id.Signer = attest.Signer(signer).String()
	}
	return id, nil
}

var errNoPolicy = errors.New("a policy names what is signed for SGX: give an executable after ego sign")

// policy prints a policy that trusts what is signed.
func (id *identity) policy(name string, stdout, stderr io.Writer) int {
	err := errNoPolicy
	if id.report != nil {
		err = nil
	}
	if id.Error != "" {
		err = errors.New(id.Error)
	}
	if err == nil {
		err = draft.Execute(stdout, &start{From: fmt.Sprintf("%.200q", name), Report: id.report, Signed: id.SigStruct.Date})
	}
	if err != nil {
		fmt.Fprintf(stderr, "cleave: %s: %v\n", name, err)
		return exitNo
	}
	return exitYes
}

func (id *identity) print(w io.Writer, asJSON bool) {
	printAs(w, asJSON, id, func(t io.Writer) {
		for _, line := range id.lines() {
			if line[1] != "" {
				fmt.Fprintf(t, "%s\t%s\n", line[0], line[1])
			}
		}
	})
}

func (id *identity) lines() [][2]string {
	lines := [][2]string{{"measurement", id.Measurement}}
	if id.Simulated {
		lines = [][2]string{{"SIMULATED", id.SimulatedMeasurement + ", which is no measurement of SGX: put it into no policy"}}
	}
	lines = append(lines, [2]string{"signer", id.Signer})
	if id.ProductID != nil {
		lines = append(lines,
			[2]string{"product", fmt.Sprintf("%d, SVN %d", *id.ProductID, *id.SVN)},
			[2]string{"debug", yesNo(*id.Debug, "YES: its host may read its memory", "no")})
	}
	if s := id.SigStruct; s != nil {
		lines = append(lines, s.lines(id.Error)...)
	}
	return append(lines, [2]string{"note", id.Note})
}

func (s *sigStruct) lines(wrong string) [][2]string {
	lines := [][2]string{
		{"signed", s.Date + yesNo(s.Vendor == 0, "", ", vendor "+strconv.FormatUint(uint64(s.Vendor), 16))},
		{"signature", yesNo(s.Valid, "right: by the signer's key", "NO: "+wrong)},
		{"attributes", fmt.Sprintf("%v of %v, MISCSELECT %08x of %08x", s.Attributes, s.AttributeMask, s.MiscSelect, s.MiscMask)},
	}
	if s.FamilyID != (attest.ID{}) || s.ExtProductID != (attest.ID{}) {
		lines = append(lines, [2]string{"KSS", fmt.Sprintf("family %v, extended product %v", s.FamilyID, s.ExtProductID)})
	}
	return lines
}
