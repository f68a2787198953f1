package attest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cleave-sdk/cleave/internal/dcap"
)

// What a caller can do about an error, by [errors.Is]. All errors of a
// verification are of one of these kinds, and print as one sentence that ends
// in what to do; what Intel's own library calls the fault stands in
// parentheses.
//
//	ErrMalformed    cannot be read             have it sent again, whole
//	                or not there               ask where it is
//	ErrUnsupported  of a kind not verified     ask for the kind it names
//	ErrForged       not genuine, or of         do not trust who sent it
//	                something else than asked
//	ErrCollateral   missing, expired or        fetch it again, or elsewhere
//	                not genuine collateral
//	ErrPolicy       genuine, but not trusted   see the PolicyError: its rule,
//	                by the policy              what was found and wanted
//
// An error of a [Source] is ErrCollateral, and also what the Source returned:
// a deadline that passed is [context.DeadlineExceeded] too.
var (
	// ErrMalformed is evidence that cannot be read: nothing a retry would mend.
	ErrMalformed = dcap.ErrMalformed
	// ErrUnsupported is evidence of a kind this package cannot verify, or not
	// in this way.
	ErrUnsupported = dcap.ErrUnsupported
	// ErrForged is evidence that is not genuine, or of something else than was
	// asked: a wrong root, a bad signature, other report data.
	ErrForged = dcap.ErrForged
	// ErrCollateral is collateral that is missing, expired, not genuine, or
	// older than what the verifier has seen before: refresh it, or try another
	// source.
	ErrCollateral = dcap.ErrCollateral
	// ErrPolicy is genuine evidence of something the policy does not trust. As
	// a [*PolicyError] it says what.
	ErrPolicy = errors.New("not trusted by the policy")
)

// PolicyError says which rule of a policy an enclave does not satisfy.
type PolicyError struct {
	Rule   string // the policy's field or fields, as in its JSON form
	Found  string
	Wanted string
}

func (e *PolicyError) Error() string {
	return fmt.Sprintf("attest: %v (%s): found %s, wanted %s%s", ErrPolicy, e.Rule, e.Found, e.Wanted, remedy(e.Rule))
}

// Unwrap returns [ErrPolicy].
func (e *PolicyError) Unwrap() error { return ErrPolicy }

// remedy is what to do about a rule that is not satisfied.
func remedy(rule string) string {
	switch rule {
	case ruleEnclave, ruleFMSPC, rulePPID:
		return "; name it in the policy if you trust it"
	case ruleDebug:
		return "; have it built and signed for production"
	case ruleTCB, ruleTCBDate, ruleTolerated, ruleRefused:
		return "; have its host's firmware and microcode updated, or accept it in the policy"
	case ruleEvaluation, ruleGrace:
		return "; fetch newer collateral"
	}
	return "; do not use it, or change the policy"
}

// failure is an error of a kind that says in one sentence what is wrong and
// what to do.
type failure struct {
	kind, cause error // cause may be nil
	text        string
}

func (f *failure) Error() string { return fmt.Sprintf("attest: %v: %s", f.kind, f.text) }

func (f *failure) Unwrap() []error {
	if f.cause == nil {
		return []error{f.kind}
	}
	return []error{f.kind, f.cause}
}

func fail(kind error, format string, args ...any) error {
	return &failure{kind: kind, text: advise(kind, fmt.Sprintf(format, args...))}
}

// because is fail for an error that something else has returned.
func because(kind, cause error) error {
	return &failure{kind, cause, advise(kind, bare(cause))}
}

// refused is the error of package dcap as this package's.
func refused(err error) error {
	var e *dcap.Error
	if !errors.As(err, &e) {
		return because(ErrMalformed, err)
	}
	return &failure{e.Kind, err, fmt.Sprintf("%s (%s)", advise(e.Kind, e.Text), e.Name)}
}

// bare is the text of an error without what this package would say twice: the
// prefixes of packages, and of kinds.
func bare(err error) string {
	text := err.Error()
	for _, prefix := range []string{"attest: ", ErrCollateral.Error() + ": ", "ratls: ", "oe: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return text
}

// advise adds what to do where the text does not say it itself.
func advise(kind error, text string) string {
	advice := ""
	switch kind {
	case ErrMalformed:
		advice = "have it sent again, whole"
	case ErrForged:
		advice = "do not trust who sent it"
	case ErrCollateral:
		advice = "fetch the collateral again, or from another source"
	}
	if advice == "" || strings.Contains(text, "fetch the collateral") {
		return text
	}
	return text + "; " + advice
}
