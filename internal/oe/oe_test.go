package oe_test

import (
	"bytes"
	"testing"

	"github.com/cleave-sdk/cleave/internal/oe"
)

// Numbers fixed by EGo's runtime and by Open Enclave's bits/result.h.
func TestNumbers(t *testing.T) {
	for name, test := range map[string]struct{ got, want int }{
		"remote report": {oe.CallRemoteReport, 1000},
		"seal key":      {oe.CallSealKey, 1003},
		"result text":   {oe.CallResultText, 1006},
		"local report":  {oe.CallLocalReport, 1009},
		"results":       {int(oe.Results), 63},
	} {
		if test.got != test.want {
			t.Errorf("%s: %d, want %d", name, test.got, test.want)
		}
	}
}

func TestResultText(t *testing.T) {
	for result, want := range map[oe.Result]string{
		oe.OK:                  "OE_OK",
		oe.Failure:             "OE_FAILURE",
		oe.InvalidParameter:    "OE_INVALID_PARAMETER",
		oe.OutOfMemory:         "OE_OUT_OF_MEMORY",
		oe.Unexpected:          "OE_UNEXPECTED",
		oe.Unsupported:         "OE_UNSUPPORTED",
		oe.PlatformError:       "OE_PLATFORM_ERROR",
		oe.InvalidCPUSVN:       "OE_INVALID_CPUSVN",
		oe.InvalidISVSVN:       "OE_INVALID_ISVSVN",
		oe.InvalidKeyName:      "OE_INVALID_KEYNAME",
		oe.TCBLevelInvalid:     "OE_TCB_LEVEL_INVALID",
		oe.IncorrectReportSize: "OE_INCORRECT_REPORT_SIZE",
		oe.CMACMismatch:        "OE_VERIFY_FAILED_AES_CMAC_MISMATCH",

		oe.VerifyFailed:              "OE_VERIFY_FAILED",
		oe.NotFound:                  "OE_NOT_FOUND",
		oe.ReportParseError:          "OE_REPORT_PARSE_ERROR",
		oe.MissingCertificateChain:   "OE_MISSING_CERTIFICATE_CHAIN",
		oe.InvalidSGXExtensions:      "OE_INVALID_SGX_CERTIFICATE_EXTENSIONS",
		oe.QuoteProviderCallError:    "OE_QUOTE_PROVIDER_CALL_ERROR",
		oe.CRLExpired:                "OE_VERIFY_CRL_EXPIRED",
		oe.Revoked:                   "OE_VERIFY_REVOKED",
		oe.NoValidityPeriod:          "OE_VERIFY_FAILED_TO_FIND_VALIDITY_PERIOD",
		oe.QuoteVerificationError:    "OE_QUOTE_VERIFICATION_ERROR",
		oe.QuotingEnclaveNotVerified: "OE_QUOTE_ENCLAVE_IDENTITY_VERIFICATION_FAILED",
		oe.QuoteHashMismatch:         "OE_QUOTE_HASH_MISMATCH",
		oe.Results - 1:               "OE_SGX_QUOTE_LIBRARY_ERROR",
		oe.Results:                   "UNKNOWN",
		^oe.Result(0):                "UNKNOWN",
	} {
		if got := result.String(); got != want {
			t.Errorf("%d: %s, want %s", uint64(result), got, want)
		}
		if result.Error() != want {
			t.Errorf("%d: Error differs from String", uint64(result))
		}
	}
}

func TestReport(t *testing.T) {
	for name, test := range map[string]struct {
		remote bool
		kind   oe.Kind
		header []byte
	}{
		"local":  {false, oe.Local, []byte{1, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0}},
		"remote": {true, oe.Remote, []byte{1, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			b := oe.Report([]byte("body"), test.remote)
			if !bytes.Equal(b, append(test.header, "body"...)) {
				t.Fatalf("encodes as %x", b)
			}
			kind, body, err := oe.ParseReport(b)
			if err != nil || kind != test.kind || string(body) != "body" {
				t.Fatalf("parses as %v, %q, %v", kind, body, err)
			}
			for n := range b {
				if _, _, err := oe.ParseReport(b[:n]); err == nil {
					t.Errorf("parses when cut to %d bytes", n)
				}
			}
		})
	}
}

func TestReportRefused(t *testing.T) {
	good := oe.Report(make([]byte, 432), false)
	for name, spoil := range map[string]func(b []byte) []byte{
		"empty":          func([]byte) []byte { return nil },
		"version 0":      func(b []byte) []byte { b[0] = 0; return b },
		"version 3":      func(b []byte) []byte { b[0] = 3; return b },
		"kind 0":         func(b []byte) []byte { b[4] = 0; return b },
		"kind 3":         func(b []byte) []byte { b[4] = 3; return b },
		"kind above 255": func(b []byte) []byte { b[5] = 1; return b },
		"size short":     func(b []byte) []byte { b[8]--; return b },
		"size long":      func(b []byte) []byte { b[8]++; return b },
		"size enormous":  func(b []byte) []byte { copy(b[8:], "\xff\xff\xff\xff\xff\xff\xff\xff"); return b },
		"trailing byte":  func(b []byte) []byte { return append(b, 0) },
		"beyond limit":   func([]byte) []byte { return oe.Report(make([]byte, oe.MaxReportSize-15), true) },
	} {
		if kind, body, err := oe.ParseReport(spoil(bytes.Clone(good))); err == nil || kind != 0 || body != nil {
			t.Errorf("%s: accepted, or a result beside the error: %v, %d bytes, %v", name, kind, len(body), err)
		}
	}
	if _, _, err := oe.ParseReport(oe.Report(make([]byte, oe.MaxReportSize-16), true)); err != nil {
		t.Errorf("at the limit: %v", err)
	}
}

func FuzzParseReport(f *testing.F) {
	f.Add(oe.Report([]byte("local"), false))
	f.Add(oe.Report([]byte("remote"), true))
	f.Add([]byte{1, 0, 0, 0, 2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		kind, body, err := oe.ParseReport(b)
		if err == nil && !bytes.Equal(oe.Report(body, kind == oe.Remote), b) {
			t.Errorf("%x re-encodes differently", b)
		}
	})
}
