package enclave_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/enclave"
	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/sealing"
)

var errHost = errors.New("the host says no")

func TestOpenOutside(t *testing.T) {
	p, err := enclave.Open()
	if !errors.Is(err, enclave.ErrOutside) || p != nil {
		t.Fatalf("%v, %v", p, err)
	}
	if !strings.Contains(err.Error(), "ego run") || !strings.Contains(err.Error(), "Simulate") {
		t.Errorf("%q does not say how to get inside", err)
	}
}

func TestIdentity(t *testing.T) {
	f := newFake()
	if got := open(t, f).Identity(); got != identity {
		t.Errorf("%+v, want %+v", got, identity)
	}
	f.body.Attributes.Flags |= sgx.FlagDebug
	if !open(t, f).Identity().Debug {
		t.Error("a debug enclave is not said to be one")
	}
}

func TestNewFails(t *testing.T) {
	f := newFake()
	f.fail = errHost
	if p, err := enclave.New(f); !errors.Is(err, errHost) || p != nil {
		t.Errorf("%v, %v", p, err)
	}
}

func TestNoPlatform(t *testing.T) {
	ctx := context.Background()
	for kind, p := range map[string]*enclave.Platform{"zero": {}, "nil": nil} { // as Open returns it with an error
		_, quote := p.Quote(ctx, "test", nil)
		_, raw := p.RawQuote(ctx, [64]byte{})
		_, report := p.LocalReport(ctx, make([]byte, 512), "test", nil)
		_, verified := p.VerifyLocalReport(ctx, make([]byte, 432), "test", nil)
		_, key := p.SealingKey(sealing.KeyRequest{Binding: sealing.ToSigner})
		_, creds := enclave.NewCredentials(ctx, p)
		_, with := p.WithQuotes(nil).RawQuote(ctx, [64]byte{})
		for name, err := range map[string]error{
			"Quote": quote, "RawQuote": raw, "LocalReport": report, "VerifyLocalReport": verified, "SealingKey": key,
			"NewCredentials": creds, "WithQuotes": with,
		} {
			if !errors.Is(err, enclave.ErrOutside) {
				t.Errorf("%s, %s: %v", kind, name, err)
			}
		}
		if p.Level() != (sealing.Level{}) || p.Identity() != (attest.Identity{}) || p.Target() != nil || p.Separations() != 0 {
			t.Errorf("the %s Platform has something", kind)
		}
	}
}

func TestQuoteIsForItsPurpose(t *testing.T) {
	p := open(t, newFake())
	quote, err := p.Quote(context.Background(), "example.org/enrol v1", []byte("data"))
	if err != nil {
		t.Fatal(err)
	}
	want := attest.ReportData("example.org/enrol v1", []byte("data"))
	if got := quote[reportDataAt:][:64]; !bytes.Equal(got, want[:]) {
		t.Errorf("report data %x, want %x", got, want)
	}
	if bytes.HasSuffix(want[:], make([]byte, 32)) {
		t.Error("the report data could be a certificate's")
	}
	if quote, err := p.Quote(context.Background(), "", nil); err != enclave.ErrPurpose || quote != nil {
		t.Errorf("without purpose: %v", err)
	}
}

// TestQuotesOfTheHost has what a host may bring back.
func TestQuotesOfTheHost(t *testing.T) {
	flip := func(at int) func([]byte) []byte {
		return func(q []byte) []byte { q[at] ^= 1; return q }
	}
	const body = 48
	tests := map[string]struct {
		bend func([]byte) []byte
		ok   bool
	}{
		"the quote":            {nil, true},
		"another signature":    {flip(2000), true}, // for the verifier to see
		"the smallest":         {func(q []byte) []byte { return q[:1020] }, true},
		"the largest":          {func(q []byte) []byte { return append(q, make([]byte, 16384-len(q))...) }, true},
		"nothing":              {func([]byte) []byte { return nil }, false},
		"too small":            {func(q []byte) []byte { return q[:1019] }, false},
		"too large":            {func(q []byte) []byte { return append(q, make([]byte, 16385-len(q))...) }, false},
		"other data":           {flip(body + 320), false},
		"other data, the tail": {flip(body + 383), false},
		"another build":        {flip(body + 64), false},
		"another signer":       {flip(body + 128), false},
		"another product":      {flip(body + 256), false},
		"another SVN":          {flip(body + 258), false},
		"a debug enclave":      {func(q []byte) []byte { q[body+48] |= 2; return q }, false},
		"reserved bytes":       {flip(body + 96), false},
		"shifted":              {func(q []byte) []byte { return append([]byte{0}, q...) }, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			f.bend = test.bend
			quote, err := open(t, f).RawQuote(context.Background(), [64]byte{9})
			if test.ok && (err != nil || quote == nil) || !test.ok && (err != enclave.ErrQuote || quote != nil) {
				t.Errorf("%d bytes, %v", len(quote), err)
			}
		})
	}
}

func TestQuoteFails(t *testing.T) {
	f := newFake()
	p := open(t, f)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if quote, err := p.RawQuote(ctx, [64]byte{}); !errors.Is(err, context.Canceled) || quote != nil {
		t.Errorf("canceled: %v", err)
	}
	f.fail = errHost
	if quote, err := p.Quote(context.Background(), "test", nil); !errors.Is(err, errHost) || quote != nil {
		t.Errorf("failed: %v", err)
	}
}

func TestLocalReport(t *testing.T) {
	ctx := context.Background()
	f := newFake()
	p := open(t, f)
	want := sgx.TargetInfo{MRENCLAVE: [32]byte{42}}
	b, err := p.LocalReport(ctx, want.Append(nil), "test", []byte("data"))
	if err != nil {
		t.Fatal(err)
	}
	report, err := sgx.ParseReport(b)
	if err != nil {
		t.Fatal(err)
	}
	if report.Body.ReportData != attest.ReportData("test", []byte("data")) {
		t.Error("the report data is not the purpose's")
	}
	if f.target != want {
		t.Errorf("for %x, want %x", f.target.MRENCLAVE, want.MRENCLAVE)
	}
	for n := range sgx.TargetInfoSize {
		if b, err := p.LocalReport(ctx, make([]byte, n), "test", nil); err == nil || b != nil {
			t.Fatalf("a target of %d bytes was accepted", n)
		}
	}
	if b, err := p.LocalReport(ctx, want.Append(nil), "", nil); err != enclave.ErrPurpose || b != nil {
		t.Errorf("without purpose: %v", err)
	}
	f.fail = errHost
	if b, err := p.LocalReport(ctx, want.Append(nil), "test", nil); !errors.Is(err, errHost) || b != nil {
		t.Errorf("failed: %v", err)
	}
}

func TestPlatformIsKeys(t *testing.T) {
	f := newFake()
	p := open(t, f)
	blob, err := sealing.New(p, sealing.ToSigner).Seal([]byte("secret"), []byte("name"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := sealing.New(open(t, newFake()), sealing.ToSigner).Open(blob, []byte("name"))
	if err != nil || string(got) != "secret" {
		t.Errorf("%q, %v", got, err)
	}
	if p.Level() != f.Level() {
		t.Errorf("level %+v", p.Level())
	}
	request := sealing.KeyRequest{Binding: sealing.ToEnclave, SVN: 3}
	want, _ := f.SealingKey(request)
	if key, err := p.SealingKey(request); err != nil || key != want {
		t.Errorf("%x, %v", key, err)
	}
}
