package quotes_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/internal/sim"
	"github.com/cleave-sdk/cleave/ocall"
	"github.com/cleave-sdk/cleave/ocall/ocalltest"
	"github.com/cleave-sdk/cleave/ocall/quotes"
)

var service = ocall.Service{quotes.Target, quotes.Make}

// machine is a simulated one, whose host answers both calls honestly.
func machine(t *testing.T) (*sim.Machine, *ocall.Mux) {
	t.Helper()
	m, err := sim.New()
	if err != nil {
		t.Fatal(err)
	}
	target := m.QuotingEnclave()
	return m, host(target.Append(nil), func(report []byte) ([]byte, error) {
		r, err := sgx.ParseReport(report)
		if err != nil {
			return nil, err
		}
		quote, err := m.Quote(r)
		if errors.Is(err, sim.ErrReport) {
			return nil, fmt.Errorf("%w: %w", quotes.ErrReport, err)
		}
		return quote, err
	})
}

// host answers both calls in its own way.
func host(target []byte, quote func(report []byte) ([]byte, error)) *ocall.Mux {
	mux := new(ocall.Mux)
	quotes.Target.Handle(mux, func(context.Context, struct{}) ([]byte, error) { return target, nil })
	quotes.Make.Handle(mux, func(_ context.Context, report []byte) ([]byte, error) { return quote(report) })
	return mux
}

// report is one of enclave id, for the machine's quoting enclave.
func report(m *sim.Machine, id, data byte) []byte {
	r := m.Enclave(sim.Identity{MRENCLAVE: [32]byte{id}}).Report(m.QuotingEnclave(), [64]byte{data})
	return r.Append(nil)
}

func TestQuotes(t *testing.T) {
	m, mux := machine(t)
	h := quotes.Over(ocalltest.Pipe(t, mux, service))
	want := m.QuotingEnclave()
	if target, err := h.Target(t.Context()); !bytes.Equal(target, want.Append(nil)) {
		t.Errorf("%x, %v", target, err)
	}
	for data := range byte(3) {
		quote, err := h.Quote(t.Context(), report(m, 1, data))
		if err != nil || !bytes.Equal(quote[48:48+sgx.ReportBodySize], report(m, 1, data)[:sgx.ReportBodySize]) {
			t.Errorf("%d bytes, %v", len(quote), err)
		}
	}
	forNobody := m.Enclave(sim.Identity{}).Report(sgx.TargetInfo{}, [64]byte{})
	if quote, err := h.Quote(t.Context(), forNobody.Append(nil)); !errors.Is(err, quotes.ErrReport) || quote != nil {
		t.Errorf("a report for nobody: %d bytes, %v", len(quote), err)
	}
	if quote, err := h.Quote(t.Context(), make([]byte, sgx.ReportSize+1)); !errors.Is(err, ocall.ErrLimit) || quote != nil {
		t.Errorf("what is too long for a report: %d bytes, %v", len(quote), err)
	}
}

func TestLyingAboutTheTarget(t *testing.T) {
	m, err := sim.New()
	if err != nil {
		t.Fatal(err)
	}
	honest := m.QuotingEnclave()
	debug, plain := honest, honest
	debug.Attributes.Flags |= sgx.FlagDebug
	plain.Attributes.Flags &^= sgx.FlagProvisionKey
	rows := map[string][]byte{
		"none":                  nil,
		"a byte more":           append(honest.Append(nil), 0),
		"ten times as long":     bytes.Repeat(honest.Append(nil), 10),
		"zeros":                 make([]byte, sgx.TargetInfoSize),
		"in debug mode":         debug.Append(nil),
		"an enclave of its own": plain.Append(nil),
	}
	for n := range sgx.TargetInfoSize {
		rows[fmt.Sprint("cut to ", n)] = honest.Append(nil)[:n]
	}
	for name, target := range rows {
		conn := ocalltest.Pipe(t, host(target, nil), service)
		got, err := quotes.Over(conn).Target(t.Context())
		var said *ocall.HostError // of an answer that is over the limit, by its own half
		if got != nil || !errors.Is(err, ocall.ErrViolation) && !errors.As(err, &said) {
			t.Errorf("%s: %x, %v", name, got, err)
		}
		if err := conn.Err(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLyingAboutTheQuote(t *testing.T) {
	m, _ := machine(t)
	quote := func(report []byte) []byte {
		r, err := sgx.ParseReport(report)
		if err != nil {
			t.Fatal(err)
		}
		b, err := m.Quote(r)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	honest := quote(report(m, 1, 7))
	tdx := bytes.Clone(honest)
	tdx[4] = 0x81
	rows := map[string][]byte{
		"none":              nil,
		"zeros":             make([]byte, len(honest)),
		"a byte more":       append(bytes.Clone(honest), 0),
		"twice":             bytes.Repeat(honest, 2),
		"64 KiB":            make([]byte, 64<<10),
		"another enclave's": quote(report(m, 2, 7)),
		"of other data":     quote(report(m, 1, 8)),
		"of a trust domain": tdx,
		"the report itself": report(m, 1, 7),
	}
	for n := 0; n < len(honest); n += 1 + n%7 {
		rows[fmt.Sprint("cut to ", n)] = honest[:n]
	}
	var answer []byte
	conn := ocalltest.Pipe(t, host(nil, func([]byte) ([]byte, error) { return answer, nil }), service)
	for name, row := range rows {
		answer = row
		if got, err := quotes.Over(conn).Quote(t.Context(), report(m, 1, 7)); got != nil || !errors.Is(err, ocall.ErrViolation) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	answer = honest
	if got, err := quotes.Over(conn).Quote(t.Context(), report(m, 1, 7)); !bytes.Equal(got, honest) || err != nil {
		t.Errorf("after all that: %d bytes, %v", len(got), err)
	}
	if got, err := quotes.Over(conn).Quote(t.Context(), report(m, 1, 7)[1:]); got != nil || !errors.Is(err, ocall.ErrViolation) {
		t.Errorf("for what is no report: %d bytes, %v", len(got), err)
	}
}

// What the host says instead comes back as what it stands for, and no more.
func TestErrors(t *testing.T) {
	other := errors.New("level=ERROR\nforged")
	for name, row := range map[string]struct{ says, is error }{
		"unavailable": {fmt.Errorf("%w: no socket", quotes.ErrUnavailable), quotes.ErrUnavailable},
		"refused":     {quotes.ErrReport, quotes.ErrReport},
		"another":     {other, nil},
	} {
		conn := ocalltest.Pipe(t, host(nil, func([]byte) ([]byte, error) { return nil, row.says }), service)
		quote, err := quotes.Over(conn).Quote(t.Context(), make([]byte, sgx.ReportSize))
		var said *ocall.HostError
		if quote != nil || !errors.As(err, &said) || bytes.ContainsRune([]byte(err.Error()), '\n') {
			t.Errorf("%s: %d bytes, %v", name, len(quote), err)
		}
		for _, declared := range []error{quotes.ErrUnavailable, quotes.ErrReport} {
			if errors.Is(err, declared) != (row.is == declared) {
				t.Errorf("%s: %v is %v", name, err, declared)
			}
		}
	}
}

// An attacker in the host's place: what passes is a quote of the report, though
// somebody else may have signed it.
func TestHostileQuotes(t *testing.T) {
	m, mux := machine(t)
	for _, way := range ocalltest.Bends() {
		t.Run(way.String(), func(t *testing.T) {
			for seed := range uint64(5) {
				h := quotes.Over(ocalltest.Attacker{Ways: []ocalltest.Bend{way}, Seed: seed}.Pipe(t, mux, service))
				for data := range byte(4) {
					ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
					if target, err := h.Target(ctx); err == nil {
						if _, err := sgx.ParseTargetInfo(target); err != nil {
							t.Errorf("%x", target)
						}
					}
					asked := report(m, 1, data)
					if quote, err := h.Quote(ctx, asked); err == nil && !bytes.Equal(quote[48:48+sgx.ReportBodySize], asked[:sgx.ReportBodySize]) {
						t.Errorf("a quote of another report")
					}
					cancel()
				}
			}
		})
	}
}
