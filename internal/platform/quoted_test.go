package platform_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/platform"
	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/internal/sim"
	"github.com/cleave-sdk/cleave/sealing"
)

var (
	identity = sim.Identity{MRENCLAVE: [32]byte{1}, MRSIGNER: [32]byte{2}, ProductID: 3, SVN: 4}
	data     = [64]byte{0: 'd', 63: 'a'}

	errNoProvider = errors.New("no quote provider")
)

// bare is a platform without a quote provider.
type bare struct {
	enclave *sim.Enclave
	own     func() ([]byte, error) // its own way to quotes

	mu      sync.Mutex
	targets []sgx.TargetInfo
}

func (b *bare) Name() string { return "bare" }

func (b *bare) Report(ctx context.Context, target sgx.TargetInfo, data [64]byte) (sgx.Report, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.targets = append(b.targets, target)
	return b.enclave.Report(target, data), ctx.Err()
}

func (b *bare) Quote(ctx context.Context, _ [64]byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return b.own()
}

func (b *bare) Level() sealing.Level                            { return sealing.Level{Source: sealing.SourceCPU} }
func (b *bare) SealingKey(sealing.KeyRequest) ([16]byte, error) { return [16]byte{1}, nil }

// helper is the host's, over the quoting enclave of the same machine.
type helper struct {
	machine *sim.Machine
	target  func([]byte) []byte // what the host makes of it, if not nil
	quote   func([]byte) []byte
	fail    error
}

func (h *helper) Target(context.Context) ([]byte, error) {
	target := h.machine.QuotingEnclave()
	b := target.Append(nil)
	if h.target != nil {
		b = h.target(b)
	}
	return b, h.fail
}

func (h *helper) Quote(_ context.Context, report []byte) ([]byte, error) {
	r, err := sgx.ParseReport(report)
	if err != nil {
		return nil, err
	}
	quote, err := h.machine.Quote(r)
	if h.quote != nil {
		quote = h.quote(quote)
	}
	return quote, err
}

func quoted(t *testing.T) (platform.Quoted, *bare, *helper) {
	t.Helper()
	m, err := sim.New()
	if err != nil {
		t.Fatal(err)
	}
	b := &bare{enclave: m.Enclave(identity), own: func() ([]byte, error) { return nil, errNoProvider }}
	h := &helper{machine: m}
	return platform.Quoted{Platform: b, Helper: h}, b, h
}

func TestQuoted(t *testing.T) {
	q, b, h := quoted(t)
	quote, err := q.Quote(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	want := b.enclave.Body()
	want.ReportData = data
	if parsed, err := dcap.ParseQuote(quote); err != nil || parsed.Body != want {
		t.Errorf("the quote says %+v, %v", parsed, err)
	}
	if len(b.targets) != 1 || b.targets[0] != h.machine.QuotingEnclave() {
		t.Errorf("reported to %+v", b.targets)
	}
}

// The platform's own way comes first.
func TestQuotedIsNotTheOnlyWay(t *testing.T) {
	q, b, h := quoted(t)
	h.fail = errors.New("not to be asked")
	b.own = func() ([]byte, error) { return []byte("own"), nil }
	if quote, err := q.Quote(t.Context(), data); err != nil || string(quote) != "own" {
		t.Errorf("%q, %v", quote, err)
	}
}

func TestQuotedFails(t *testing.T) {
	q, b, h := quoted(t)
	h.fail = errors.New("no helper either")
	if quote, err := q.Quote(t.Context(), data); quote != nil || !errors.Is(err, errNoProvider) || !errors.Is(err, h.fail) {
		t.Errorf("%d bytes, %v", len(quote), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := q.Quote(ctx, data); !errors.Is(err, context.Canceled) || len(b.targets) != 0 {
		t.Errorf("%v", err)
	}
}

// What the host can do: name another target, or bring another quote.
func TestQuotedRefuses(t *testing.T) {
	q, b, h := quoted(t)
	other, err := h.machine.Quote(h.machine.Enclave(sim.Identity{MRENCLAVE: [32]byte{9}}).Report(h.machine.QuotingEnclave(), data))
	if err != nil {
		t.Fatal(err)
	}
	replayed, err := h.machine.Quote(b.enclave.Report(h.machine.QuotingEnclave(), [64]byte{}))
	if err != nil {
		t.Fatal(err)
	}
	flip := func(at int) func([]byte) []byte { return func(b []byte) []byte { b[at] ^= 1; return b } }
	give := func(g []byte) func([]byte) []byte { return func([]byte) []byte { return bytes.Clone(g) } }
	victim := b.enclave.Body()
	target := victim.Target()
	for name, row := range map[string]struct {
		target, quote func([]byte) []byte
		says          string
		reports       int // made for the host's target
	}{
		"target of an application":     {give(target.Append(nil)), nil, "names no quoting enclave", 0},
		"target in debug mode":         {flipFlags(sgx.FlagDebug), nil, "names no quoting enclave", 0},
		"target without provisioning":  {flipFlags(sgx.FlagProvisionKey), nil, "names no quoting enclave", 0},
		"target cut":                   {func(b []byte) []byte { return b[1:] }, nil, "names no quoting enclave", 0},
		"target longer":                {func(b []byte) []byte { return append(b, 0) }, nil, "names no quoting enclave", 0},
		"target with reserved bits":    {flip(511), nil, "names no quoting enclave", 0},
		"no target":                    {give(nil), nil, "names no quoting enclave", 0},
		"target that cannot quote":     {flip(0), nil, "not for this machine's quoting enclave", 1},
		"quote of another enclave":     {nil, give(other), "brought no quote", 1},
		"quote of before":              {nil, give(replayed), "brought no quote", 1},
		"quote, other data":            {nil, flip(48 + 320), "brought no quote", 1},
		"quote, other build":           {nil, flip(48 + 64), "brought no quote", 1},
		"quote, other CPUSVN":          {nil, flip(48), "brought no quote", 1},
		"quote, other version":         {nil, flip(0), "brought no quote", 1},
		"quote, other vendor":          {nil, flip(12), "brought no quote", 1},
		"quote, length of signature":   {nil, flip(432), "brought no quote", 1},
		"quote longer":                 {nil, func(b []byte) []byte { return append(b, 0) }, "brought no quote", 1},
		"no quote":                     {nil, give(nil), "brought no quote", 1},
		"quote of 64 KiB and one byte": {nil, give(make([]byte, 64<<10+1)), "brought no quote", 1},
	} {
		h.target, h.quote, b.targets = row.target, row.quote, nil
		quote, err := q.Quote(t.Context(), data)
		if quote != nil || err == nil || !strings.Contains(err.Error(), row.says) || len(b.targets) != row.reports {
			t.Errorf("%s: %d bytes, %v; %d reports", name, len(quote), err, len(b.targets))
		}
	}
	for n := range replayed {
		h.target, h.quote = nil, func(b []byte) []byte { return b[:n] }
		if quote, err := q.Quote(t.Context(), data); err == nil || quote != nil {
			t.Fatalf("a quote cut to %d bytes: %v", n, err)
		}
	}
}

func flipFlags(flag uint64) func([]byte) []byte {
	return func(b []byte) []byte {
		binary.LittleEndian.PutUint64(b[32:], binary.LittleEndian.Uint64(b[32:])^flag)
		return b
	}
}

// What a platform can do beyond what all can, it can do when it is quoted.
func TestQuotedKeepsCapabilities(t *testing.T) {
	q, b, _ := quoted(t)
	report := b.enclave.Report(sgx.TargetInfo{}, data)
	if err := q.VerifyReport(t.Context(), report); !errors.Is(err, errors.ErrUnsupported) || errors.Is(err, platform.ErrNotForMe) {
		t.Errorf("of one that cannot: %v", err)
	}
	if q.Separations() != 0 {
		t.Error("separations of one that has none")
	}
	q.Platform = able{b}
	if err := q.VerifyReport(t.Context(), report); !errors.Is(err, platform.ErrNotForMe) {
		t.Errorf("of one that can: %v", err)
	}
	if q.Separations() != sealing.ByConfig {
		t.Error("its separations are lost")
	}
}

type able struct{ *bare }

func (a able) VerifyReport(_ context.Context, r sgx.Report) error {
	if !a.enclave.VerifyReport(r) {
		return platform.ErrNotForMe
	}
	return nil
}

func (able) Separations() sealing.Separation { return sealing.ByConfig }
