package attest_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// oneSentence checks the form of an error: this package's prefix once, nobody
// else's, one line, and what to do.
func oneSentence(t testing.TB, err error) {
	t.Helper()
	text := err.Error()
	if !strings.HasPrefix(text, "attest: ") || strings.Count(text, "attest: ") != 1 {
		t.Errorf("prefix of %q", text)
	}
	for _, kind := range []error{attest.ErrMalformed, attest.ErrUnsupported, attest.ErrForged, attest.ErrCollateral, attest.ErrPolicy} {
		if strings.Count(text, kind.Error()) > 1 || strings.Contains(text, kind.Error()) != errors.Is(err, kind) {
			t.Errorf("%q says %q", text, kind)
		}
	}
	for _, s := range []string{" dcap: ", " ratls: ", " oe: ", " json: ", " sgx: ", "\n", ". ", ";;", "  "} {
		if strings.Contains(text, s) {
			t.Errorf("%q contains %q", text, s)
		}
	}
	advice := false
	for _, what := range []string{"; have it", "; do not", "etch ", "; name it", "; ask for ", "only ", "there is ", "accept it in the policy", "needs "} {
		advice = advice || strings.Contains(text, what)
	}
	if !advice || strings.HasSuffix(text, ".") || strings.Count(text, "; ") > 2 {
		t.Errorf("%q does not end in what to do", text)
	}
}

// TestErrors reaches every kind of error, by what callers meet.
func TestErrors(t *testing.T) {
	m, other := newMachine(t), newMachine(t)
	quote := m.quote(t, enclave("friend"), [64]byte{})
	nowhere := httptest.NewServer(http.NotFoundHandler())
	nowhere.Close()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	verify := func(b []byte, change ...func(*attest.Verifier)) func() error {
		return func() error {
			v := m.verifier(t, "friend")
			for _, f := range change {
				f(v)
			}
			_, err := v.Verify(t.Context(), b, [64]byte{})
			return err
		}
	}
	from := func(s attest.Source) func(*attest.Verifier) { return func(v *attest.Verifier) { v.Collateral = s } }
	failing := func(err error) func(*attest.Verifier) {
		return from(source(func(attest.Subject) (*attest.Collateral, error) { return nil, err }))
	}
	certificate := func(change func(*draft)) func() error {
		return func() error {
			d := m.draft(t, "friend")
			change(d)
			_, err := m.verifier(t, "friend").VerifyCertificate(t.Context(), d.leaf(t))
			return err
		}
	}
	changed := bytes.Clone(quote)
	changed[48+64] ^= 1
	tests := map[string]struct {
		call  func() error
		kind  error
		cause error  // beside the kind
		says  string // Intel's name, where there is one
	}{
		"not a quote":       {verify([]byte("hello")), attest.ErrMalformed, nil, "UNSUPPORTED_QUOTE_FORMAT"},
		"cut off":           {verify(quote[:len(quote)-1]), attest.ErrMalformed, nil, "UNSUPPORTED_QUOTE_FORMAT"},
		"no evidence":       {certificate(func(d *draft) { d.evidence = []byte{0} }), attest.ErrMalformed, nil, ""},
		"trust domain":      {verify(m.tdQuote(t, [64]byte{})), attest.ErrUnsupported, nil, "AuthenticateTD"},
		"local report":      {verify(oe.Report(make([]byte, sgx.ReportSize), false)), attest.ErrUnsupported, nil, "only the enclave it was made for"},
		"changed":           {verify(changed), attest.ErrForged, nil, "INVALID_QUOTE_SIGNATURE"},
		"another root":      {verify(other.quote(t, enclave("friend"), [64]byte{})), attest.ErrForged, nil, "PCK_CERT_CHAIN_UNTRUSTED"},
		"other data":        {verify(m.quote(t, enclave("friend"), [64]byte{1})), attest.ErrForged, nil, "report data differ"},
		"another key":       {certificate(func(d *draft) { d.claims[len(d.claims)-1] ^= 1 }), attest.ErrForged, nil, "another key"},
		"expired":           {verify(quote, func(v *attest.Verifier) { v.Time = at(noon.AddDate(0, 0, 21)) }), attest.ErrCollateral, nil, "EXPIRED"},
		"no list":           {verify(quote, from(&attest.Collateral{})), attest.ErrCollateral, nil, ""},
		"nothing":           {verify(quote, failing(nil)), attest.ErrCollateral, nil, "the source has none"},
		"another's":         {verify(quote, from(other.collateral(t))), attest.ErrCollateral, nil, "INVALID_SIGNATURE"},
		"no folder":         {verify(quote, from(attest.Dir("/nonexistent"))), attest.ErrCollateral, fs.ErrNotExist, ""},
		"no service":        {verify(quote, from(&attest.PCS{URL: nowhere.URL, Retries: -1})), attest.ErrCollateral, nil, nowhere.URL},
		"caller's source":   {verify(quote, failing(errSource)), attest.ErrCollateral, errSource, "the disk is on fire"},
		"source gives up":   {verify(quote, failing(context.DeadlineExceeded)), attest.ErrCollateral, context.DeadlineExceeded, ""},
		"source is nested":  {verify(quote, failing(verify(quote, failing(errSource))())), attest.ErrCollateral, errSource, "the disk is on fire"},
		"nobody is trusted": {verify(quote, func(v *attest.Verifier) { v.Policy = attest.Policy{} }), attest.ErrPolicy, nil, "builds, products"},
		"someone else":      {verify(m.quote(t, enclave("stranger"), [64]byte{})), attest.ErrPolicy, nil, "builds, products"},
		"canceled": {func() error {
			v := m.verifier(t, "friend")
			v.Collateral = &attest.PCS{URL: nowhere.URL}
			_, err := v.Verify(canceled, quote, [64]byte{})
			return err
		}, attest.ErrCollateral, context.Canceled, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := test.call()
			if !errors.Is(err, test.kind) || test.cause != nil && !errors.Is(err, test.cause) || !strings.Contains(err.Error(), test.says) {
				t.Fatalf("%v; want %v and %v, saying %q", err, test.kind, test.cause, test.says)
			}
			oneSentence(t, err)
			t.Log(err)
		})
	}
}
