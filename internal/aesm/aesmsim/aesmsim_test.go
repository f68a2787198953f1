package aesmsim_test

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"sync"
	"testing"

	"github.com/cleave-sdk/cleave/internal/aesm"
	"github.com/cleave-sdk/cleave/internal/aesm/aesmsim"
	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/internal/sim"
)

var identity = sim.Identity{MRENCLAVE: [32]byte{1}, MRSIGNER: [32]byte{2}, ProductID: 3, SVN: 4}

func machine(t testing.TB) *sim.Machine {
	t.Helper()
	m, err := sim.New()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// service is a client of m's quoting enclave.
func service(t testing.TB, m *sim.Machine) *aesm.Client {
	t.Helper()
	qe, err := aesmsim.New(m)
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(t.TempDir(), "aesm.socket")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- (&aesm.Server{QuotingEnclave: qe}).Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return &aesm.Client{Socket: socket}
}

func TestQuotes(t *testing.T) {
	m := machine(t)
	c := service(t, m)
	target, err := c.Target(t.Context())
	if err != nil || target != m.QuotingEnclave() {
		t.Fatalf("%+v, %v", target, err)
	}
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			report := m.Enclave(identity).Report(target, [64]byte{byte(i), 63: 1})
			quote, err := c.Quote(t.Context(), report)
			if err != nil {
				t.Error(err)
				return
			}
			if q, err := dcap.ParseQuote(quote); err != nil || q.Body != report.Body {
				t.Errorf("another's quote, or %v", err)
			}
		})
	}
	all.Wait()
}

// The enclave that had a quote made can see which quoting enclave made it.
func TestQuotingEnclaveReports(t *testing.T) {
	m := machine(t)
	qe, err := aesmsim.New(m)
	if err != nil {
		t.Fatal(err)
	}
	own, data := m.Enclave(identity), [64]byte{7}
	body := own.Body()
	r := qe.Report(body.Target(), data)
	if !own.VerifyReport(r) || r.Body.ReportData != data || r.Body.MRENCLAVE != qe.Target().MRENCLAVE {
		t.Errorf("not for the enclave, or of another: %+v", r.Body)
	}
	if machine(t).Enclave(identity).VerifyReport(r) {
		t.Error("it is for another machine too")
	}
}

func TestReportsRefused(t *testing.T) {
	m := machine(t)
	c := service(t, m)
	own := m.Enclave(identity)
	body := own.Body()
	changed := own.Report(m.QuotingEnclave(), [64]byte{})
	changed.Body.ReportData[0] ^= 1
	for name, report := range map[string]sgx.Report{
		"changed":              changed,
		"for another enclave":  own.Report(body.Target(), [64]byte{}),
		"from another machine": machine(t).Enclave(identity).Report(m.QuotingEnclave(), [64]byte{}),
		"made up":              {Body: body},
	} {
		if quote, err := c.Quote(t.Context(), report); !errors.Is(err, aesm.ErrReport) || quote != nil {
			t.Errorf("%s: %d bytes, %v", name, len(quote), err)
		}
	}
}

// What the way through the socket costs beside the quote itself.
func BenchmarkQuote(b *testing.B) {
	m := machine(b)
	c := service(b, m)
	report := m.Enclave(identity).Report(m.QuotingEnclave(), [64]byte{})
	b.Run("direct", func(b *testing.B) {
		for b.Loop() {
			if _, err := m.Quote(report); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("AESM", func(b *testing.B) {
		for b.Loop() {
			if _, err := c.Quote(b.Context(), report); err != nil {
				b.Fatal(err)
			}
		}
	})
}
