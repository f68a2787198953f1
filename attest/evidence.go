package attest

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cleave-sdk/cleave/internal/ratls"
)

// Evidence is a quote in an attested certificate. Nothing in it has been
// verified: it is for looking at.
type Evidence struct {
	// Dialect is the one whose rule the quote's report data follow or, if they
	// follow none, the first it could be in.
	Dialect Dialect
	Quote   []byte
	// Data is the report data with which a quote speaks for the certificate's
	// key in this dialect, and Bound whether this one has them.
	Data  [64]byte
	Bound bool
}

// CertificateEvidence returns the evidence in an attested certificate, in every
// dialect there is. A certificate without any is [ErrMalformed], one whose
// evidence is in no dialect [ErrUnsupported].
func CertificateEvidence(cert *x509.Certificate) ([]Evidence, error) {
	found, err := readEvidence(cert, false)
	if err != nil {
		return nil, err
	}
	var all []Evidence
	for _, e := range found {
		b, bound := e.binding()
		all = append(all, Evidence{Dialect(b.Dialect), e.Quote, b.Data, bound})
	}
	return all, nil
}

// A testimony is a quote that claims to speak for a certificate's key.
type testimony struct {
	ratls.Evidence
	data [64]byte // that the quote claims to carry
	ok   bool     // whether it can be read at all
}

// readEvidence reads quotes as they will be verified: padded, where that is
// allowed, or not.
func readEvidence(cert *x509.Certificate, padded bool) (all []testimony, err error) {
	found, err := ratls.Read(cert)
	switch {
	case errors.Is(err, ratls.ErrNone):
		return nil, &failure{ErrMalformed, err, bare(err) + ": its server speaks plain TLS, or shows an authority's chain for this name, or has evidence in a Session only; " +
			"ask for its attested certificate, under another name or at another port, or use a Session"}
	case errors.Is(err, ratls.ErrForeign):
		return nil, because(ErrUnsupported, err)
	case errors.Is(err, ratls.ErrUnbound):
		return nil, because(ErrForged, err)
	case err != nil:
		return nil, because(ErrMalformed, err)
	}
	for _, e := range found {
		quote := e.Quote
		if padded {
			quote = unpadded(quote)
		}
		q, err := parseOf(SGX, quote)
		if err != nil {
			all = append(all, testimony{Evidence: e})
			continue
		}
		all = append(all, testimony{e, q.Body.ReportData, true})
	}
	return all, nil
}

// binding is the dialect whose rule the report data follow. If they follow
// none, it is the first, and ok is false.
func (e *testimony) binding() (b ratls.Binding, ok bool) {
	for _, b := range e.Bindings {
		if e.ok && b.Data == e.data {
			return b, true
		}
	}
	return e.Bindings[0], false
}

// agreed returns the evidence of a certificate, each in one dialect, after
// those that are accepted have been chosen: where one of several that share an
// extension is, no other counts. At least one of all must be accepted, and
// those beside it must be good too, so that none is a way around another.
func (v *Verifier) agreed(cert *x509.Certificate) ([]testimony, error) {
	all, err := readEvidence(cert, v.AllowZeroPadding)
	if err != nil {
		return nil, err
	}
	read := slices.Clone(all)
	trusted := false
	for i := range all {
		trusted = v.choose(&all[i]) || trusted
	}
	if !trusted {
		return nil, fail(ErrUnsupported, "the certificate has %s, but only %s is accepted: name its dialect if that is meant",
			describeEvidence(all), named(v.dialects()))
	}
	for i := range all { // before anything costs
		if _, bound := all[i].binding(); all[i].ok && !bound {
			return nil, read[i].unbound()
		}
	}
	return all, nil
}

// unbound is why no dialect that is accepted is that of the quote.
func (e *testimony) unbound() error {
	b, bound := e.binding()
	if !bound {
		return errOtherData()
	}
	return &failure{kind: ErrForged, text: fmt.Sprintf("the quote was made for something else: its report data are those of %v, which is not accepted; "+
		"name its dialect if that is meant", b.Dialect)}
}

// choose leaves those dialects that are accepted, if there are any.
func (v *Verifier) choose(e *testimony) bool {
	var accepted []ratls.Binding
	for _, b := range e.Bindings {
		if v.accepts(b) {
			accepted = append(accepted, b)
		}
	}
	if accepted == nil {
		return false
	}
	e.Bindings = accepted
	return true
}

func describeEvidence(all []testimony) string {
	var texts []string
	for _, e := range all {
		var names []string
		for _, b := range e.Bindings {
			names = append(names, b.Dialect.String())
		}
		texts = append(texts, fmt.Sprintf("evidence of %s (%v)", strings.Join(names, " or "), e.OID))
	}
	return strings.Join(texts, " and ")
}
