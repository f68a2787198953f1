package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/dcap"
)

// exhibit is what is shown of one kind of platform. Its JSON form is an
// interface: fields are added, never changed.
type exhibit struct {
	Source     string    `json:"source"`
	TEE        string    `json:"tee"`
	FMSPC      string    `json:"fmspc"`
	CA         string    `json:"ca"`
	Signed     bool      `json:"signed"` // under Intel's root, or that of -roots
	IntelRoot  bool      `json:"intelRoot"`
	Root       string    `json:"root"`  // SHA-256 of its public key
	Valid      bool      `json:"valid"` // at the time of the question
	Error      string    `json:"error"`
	Issued     time.Time `json:"issued"`     // the youngest
	NextUpdate time.Time `json:"nextUpdate"` // the first
	TCBInfo    document  `json:"tcbInfo"`
	QEIdentity document  `json:"qeIdentity"`
	RootCRL    list      `json:"rootCRL"`
	PCKCRL     list      `json:"pckCRL"`
}

type document struct {
	Evaluation uint32    `json:"evaluation"`
	Issued     time.Time `json:"issued"`
	NextUpdate time.Time `json:"nextUpdate"`
	Size       int       `json:"size"` // in bytes
}

type list struct {
	Issuer     string    `json:"issuer"`
	Revoked    int       `json:"revoked"`
	Issued     time.Time `json:"issued"`
	NextUpdate time.Time `json:"nextUpdate"`
	Size       int       `json:"size"` // in bytes
}

// exhibit looks at c, which is about a platform whose CA may be known.
func (s *show) exhibit(source, ca string, c *attest.Collateral) *exhibit {
	e := &exhibit{Source: source, CA: ca}
	o, err := c.Outline()
	if err != nil {
		e.Error = err.Error()
		return e
	}
	e.describe(o, c)
	now := s.time()
	e.Valid = !now.Before(e.Issued) && !now.After(e.NextUpdate)
	if err := e.authenticate(s, c); err != nil {
		e.Error = err.Error()
	}
	return e
}

func (e *exhibit) describe(o *attest.Outline, c *attest.Collateral) {
	e.TEE, e.FMSPC = strings.ToLower(o.TEE.String()), hex.EncodeToString(o.FMSPC[:])
	e.Issued, e.NextUpdate = o.Issued().UTC(), o.NextUpdate().UTC()
	describe := func(d attest.DocumentOutline, b []byte) document {
		return document{d.Evaluation, d.Issued.UTC(), d.NextUpdate.UTC(), len(b)}
	}
	count := func(l attest.ListOutline, b []byte) list {
		return list{l.Issuer, l.Revoked, l.Issued.UTC(), l.NextUpdate.UTC(), len(b)}
	}
	e.TCBInfo, e.QEIdentity = describe(o.TCBInfo, c.TCBInfo), describe(o.QEIdentity, c.QEIdentity)
	e.RootCRL, e.PCKCRL = count(o.RootCRL, c.RootCRL), count(o.PCKCRL, c.PCKCRL)
	for _, ca := range []string{"platform", "processor"} {
		if e.CA == "" && strings.HasSuffix(strings.ToLower(o.PCKCRL.Issuer), "pck "+ca+" ca") {
			e.CA = ca
		}
	}
}

// authenticate finds out under which root everything is signed, if under any.
func (e *exhibit) authenticate(s *show, c *attest.Collateral) error {
	d, err := dcap.ParseCollateral(dcap.Collateral(*c))
	if err != nil {
		return err
	}
	own, wanted := d.Root(), dcap.IntelRoot()
	e.Root = hash(own)
	if err := d.SignedUnder(own); err != nil {
		return err
	}
	e.IntelRoot = e.Root == hash(wanted)
	if s.root != nil {
		wanted = s.root.RawSubjectPublicKeyInfo
	}
	e.Signed = e.Root == hash(wanted)
	return nil
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func (e *exhibit) lines() [][]string {
	lines := [][]string{{"source", e.Source}}
	add := func(name, format string, args ...any) {
		lines = append(lines, []string{name, fmt.Sprintf(format, args...)})
	}
	if e.FMSPC != "" {
		add("about", "%s platforms %s, CA %.20q", strings.ToUpper(e.TEE), e.FMSPC, e.CA)
	}
	add("signed", "%s", e.signedText())
	if e.FMSPC == "" {
		return lines
	}
	add("valid", "%s, from %s until %s", yesNo(e.Valid, "yes", "NO"), e.Issued.Format(time.RFC3339), e.NextUpdate.Format(time.RFC3339))
	for _, d := range []struct {
		name string
		document
	}{{"TCB info", e.TCBInfo}, {"QE identity", e.QEIdentity}} {
		add(d.name, "evaluation %d, issued %s, next update %s, %d bytes", d.Evaluation, date(d.Issued), date(d.NextUpdate), d.Size)
	}
	for _, l := range []struct {
		name string
		list
	}{{"root CRL", e.RootCRL}, {"PCK CRL", e.PCKCRL}} {
		add(l.name, "%d revoked, issued %s, next update %s, %d bytes, by %.60q", l.Revoked, date(l.Issued), date(l.NextUpdate), l.Size, l.Issuer)
	}
	return lines
}

func date(t time.Time) string { return t.Format(time.DateOnly) }

// signedText leaves out the PCK CRL, which only a platform's certificates can
// vouch for.
func (e *exhibit) signedText() string {
	const except = " (the PCK CRL is checked with a quote)"
	switch {
	case e.Error != "":
		return "NO: " + e.Error
	case e.IntelRoot:
		return "yes, under Intel's root" + except
	case e.Signed:
		return "yes, but NOT INTEL'S ROOT: public key " + e.Root + except
	}
	return "NOT UNDER INTEL'S ROOT, but under public key " + e.Root
}
