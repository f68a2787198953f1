package host_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cleave-sdk/cleave/enclave"
	"github.com/cleave-sdk/cleave/host"
	"github.com/cleave-sdk/cleave/internal/aesm"
	"github.com/cleave-sdk/cleave/internal/aesm/aesmsim"
	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/internal/sim"
	"github.com/cleave-sdk/cleave/ocall"
	"github.com/cleave-sdk/cleave/ocall/quotes"
	"github.com/cleave-sdk/cleave/sealing"
)

func TestFindQuoteHelper(t *testing.T) {
	type files = map[string]fs.FileMode
	const socket, device, older = host.QuoteHelperSocket, "/dev/sgx_provision", "/dev/sgx/provision"
	listening := fs.ModeSocket | 0o777
	for name, row := range map[string]struct {
		variable *string
		files    files
		out      bool
		says     string // the error, if there is to be one
	}{
		"a laptop":                       {nil, nil, false, ""},
		"EGo in process":                 {nil, files{device: fs.ModeDevice}, false, ""},
		"in process, older driver":       {nil, files{older: fs.ModeDevice}, false, ""},
		"AKS":                            {new("1"), files{socket: listening}, true, ""},
		"a machine with both":            {new("1"), files{socket: listening, device: fs.ModeDevice}, true, ""},
		"with both, and in process":      {nil, files{socket: listening, device: fs.ModeDevice}, false, ""},
		"the helper is off":              {new("1"), nil, false, "--enable-sgxquotehelper"},
		"the helper is off, in process":  {new("1"), files{device: fs.ModeDevice}, false, "--enable-sgxquotehelper"},
		"a directory in its place":       {new("1"), files{socket: fs.ModeDir | 0o755}, false, "mount /var/run/aesmd instead"},
		"mounted, but not asked for":     {nil, files{socket: listening}, false, "set SGX_AESM_ADDR=1"},
		"zero, which EGo takes for one":  {new("0"), files{socket: listening, device: fs.ModeDevice}, false, "even none"},
		"empty, which EGo takes for one": {new(""), files{device: fs.ModeDevice}, false, "even none"},
	} {
		environment := map[string]string{}
		if row.variable != nil {
			environment["SGX_AESM_ADDR"] = *row.variable
		}
		h, err := host.FindQuoteHelperIn(environment, row.files)
		switch {
		case row.says != "":
			if h != nil || err == nil || !strings.Contains(err.Error(), row.says) {
				t.Errorf("%s: %v, %v", name, h, err)
			}
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case h.OutOfProcess() != row.out || row.out && h.Socket != socket:
			t.Errorf("%s: at %q", name, h.Socket)
		}
	}
}

func TestEnvironForEGo(t *testing.T) {
	environ := []string{"A=1", "SGX_AESM_ADDR=0", "SGX_AESM_ADDRESS=kept", "SGX_AESM_ADDR=1"}
	for name, row := range map[string]struct {
		socket string
		want   []string
	}{
		"in process":     {"", []string{"A=1", "SGX_AESM_ADDRESS=kept"}},
		"out of process": {host.QuoteHelperSocket, []string{"A=1", "SGX_AESM_ADDRESS=kept", "SGX_AESM_ADDR=1"}},
	} {
		before := slices.Clone(environ)
		got, err := (&host.QuoteHelper{Socket: row.socket}).Environ(environ)
		if err != nil || !slices.Equal(got, row.want) || !slices.Equal(environ, before) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if got, err := (&host.QuoteHelper{Socket: "/elsewhere"}).Environ(environ); err == nil || got != nil {
		t.Errorf("elsewhere: %q", got)
	}
}

func TestInProcess(t *testing.T) {
	h := new(host.QuoteHelper)
	_, target := h.Target(t.Context())
	_, quote := h.Quote(t.Context(), nil)
	if !errors.Is(target, host.ErrInProcess) || !errors.Is(quote, host.ErrInProcess) {
		t.Errorf("%v, %v", target, quote)
	}
}

// service has a quoting enclave answer at a socket until it is stopped.
func service(t *testing.T, e aesm.QuotingEnclave, socket string) (stop func()) {
	t.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- (&aesm.Server{QuotingEnclave: e}).Serve(ctx, l) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func simulatedMachine(t *testing.T) (*sim.Machine, *aesmsim.QuotingEnclave) {
	t.Helper()
	m, err := sim.New()
	if err != nil {
		t.Fatal(err)
	}
	e, err := aesmsim.New(m)
	if err != nil {
		t.Fatal(err)
	}
	return m, e
}

func TestReportsRefused(t *testing.T) {
	m, e := simulatedMachine(t)
	h := &host.QuoteHelper{Socket: filepath.Join(t.TempDir(), "aesm.socket")}
	service(t, e, h.Socket)
	own := m.Enclave(sim.Identity{MRENCLAVE: [32]byte{1}})
	forNobody := own.Report(sgx.TargetInfo{}, [64]byte{})
	for name, report := range map[string][]byte{
		"none":       nil,
		"cut":        forNobody.Append(nil)[1:],
		"for nobody": forNobody.Append(nil),
	} {
		if quote, err := h.Quote(t.Context(), report); !errors.Is(err, host.ErrReportRefused) || quote != nil {
			t.Errorf("%s: %d bytes, %v", name, len(quote), err)
		}
	}
}

// providerless is a runtime that makes reports and no quotes.
type providerless struct {
	*sim.Enclave
}

func (providerless) Name() string { return "without a quote provider" }

func (p providerless) Report(ctx context.Context, target sgx.TargetInfo, data [64]byte) (sgx.Report, error) {
	return p.Enclave.Report(target, data), ctx.Err()
}

func (p providerless) Quote(ctx context.Context, _ [64]byte) ([]byte, error) {
	return nil, errors.Join(ctx.Err(), errors.ErrUnsupported)
}

func (providerless) Level() sealing.Level { return sealing.Level{Source: sealing.SourceCPU} }

func (providerless) SealingKey(sealing.KeyRequest) ([16]byte, error) {
	return [16]byte{}, errors.ErrUnsupported
}

// From the trusted half by ocalls to the host, from there by AESM's protocol to
// the quoting enclave, and back.
func TestQuotesByOcall(t *testing.T) {
	m, e := simulatedMachine(t)
	h := &host.QuoteHelper{Socket: filepath.Join(t.TempDir(), "aesm.socket")}
	stop := service(t, e, h.Socket)
	var mux ocall.Mux
	h.Handle(&mux)
	calls := ocall.Service{quotes.Target, quotes.Make}
	bridge := filepath.Join(t.TempDir(), "ocall.sock")
	l, err := net.Listen("unix", bridge)
	if err != nil {
		t.Fatal(err)
	}
	go mux.Serve(t.Context(), l, calls)
	t.Setenv(ocall.AddressVariable, "unix:"+bridge)
	conn, err := ocall.Dial(t.Context(), calls)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()

	without, err := enclave.New(providerless{m.Enclave(sim.Identity{MRENCLAVE: [32]byte{1}})})
	if err != nil {
		t.Fatal(err)
	}
	p := without.WithQuotes(quotes.Over(conn))
	data := [64]byte{0: 'd', 63: 'a'}
	quote, err := p.RawQuote(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := dcap.ParseQuote(quote)
	if err != nil || parsed.Body.ReportData != data || parsed.Body.MRENCLAVE != [32]byte{1} {
		t.Errorf("%+v, %v", parsed, err)
	}
	if _, err := without.RawQuote(t.Context(), data); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("without the helper: %v", err)
	}
	report := m.Enclave(sim.Identity{}).Report(sgx.TargetInfo{}, data)
	if _, err := quotes.Over(conn).Quote(t.Context(), report.Append(nil)); !errors.Is(err, quotes.ErrReport) {
		t.Errorf("a report for nobody: %v", err)
	}
	stop()
	if _, err := p.RawQuote(t.Context(), data); !errors.Is(err, quotes.ErrUnavailable) {
		t.Errorf("without a service: %v", err)
	}
}

// A host that names an enclave of its own, or brings a quote of another, has
// no quote made of it.
func TestQuotesOfLyingHosts(t *testing.T) {
	m, e := simulatedMachine(t)
	p, err := enclave.New(providerless{m.Enclave(sim.Identity{MRENCLAVE: [32]byte{1}})})
	if err != nil {
		t.Fatal(err)
	}
	target := e.Target()
	debug := target
	debug.Attributes.Flags |= sgx.FlagDebug
	plain := m.Enclave(sim.Identity{MRENCLAVE: [32]byte{2}}).Body()
	other := plain.Target()
	of := func(id byte, data byte) []byte {
		quote, err := m.Quote(m.Enclave(sim.Identity{MRENCLAVE: [32]byte{id}}).Report(target, [64]byte{data}))
		if err != nil {
			t.Fatal(err)
		}
		return quote
	}
	for name, row := range map[string]struct {
		target, quote []byte
		works         bool
	}{
		"honest":                  {target.Append(nil), of(1, 7), true},
		"another enclave's":       {target.Append(nil), of(2, 7), false},
		"of other data":           {target.Append(nil), of(1, 8), false},
		"cut":                     {target.Append(nil), of(1, 7)[:600], false},
		"none":                    {target.Append(nil), nil, false},
		"a debug quoting enclave": {debug.Append(nil), of(1, 7), false},
		"its own enclave":         {other.Append(nil), of(1, 7), false},
		"no target":               {nil, of(1, 7), false},
	} {
		quote, err := p.WithQuotes(lying{row.target, row.quote}).RawQuote(t.Context(), [64]byte{7})
		if (err == nil) != row.works || row.works != (quote != nil) {
			t.Errorf("%s: %d bytes, %v", name, len(quote), err)
		}
	}
}

type lying struct{ target, quote []byte }

func (l lying) Target(context.Context) ([]byte, error)        { return l.target, nil }
func (l lying) Quote(context.Context, []byte) ([]byte, error) { return l.quote, nil }

// The simulator's quotes come by the same way.
func TestSimulatorQuotesByAESM(t *testing.T) {
	m, _ := simulatedMachine(t)
	q, socket, stop, err := host.ServeQuotes(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	if q.QuotingEnclave() != m.QuotingEnclave() {
		t.Error("another quoting enclave")
	}
	own := m.Enclave(sim.Identity{MRENCLAVE: [32]byte{1}})
	report := own.Report(q.QuotingEnclave(), [64]byte{7})
	quote, err := q.Quote(report)
	if err != nil {
		t.Fatal(err)
	}
	if parsed, err := dcap.ParseQuote(quote); err != nil || parsed.Body != report.Body {
		t.Errorf("another's quote, or %v", err)
	}
	var result oe.Result
	if _, err := q.Quote(own.Report(sgx.TargetInfo{}, [64]byte{})); !errors.Is(err, host.ErrReportRefused) || errors.As(err, &result) {
		t.Errorf("a report for nobody: %v", err)
	}
	if err := os.Rename(socket, socket+".away"); err != nil {
		t.Fatal(err)
	}
	if _, err := q.Quote(report); !errors.Is(err, host.ErrQuotesUnavailable) || !errors.As(err, &result) || result.String() != "OE_SERVICE_UNAVAILABLE" {
		t.Errorf("without a service: %v", err)
	}
	if err := os.Rename(socket+".away", socket); err != nil {
		t.Fatal(err)
	}
	if _, err := q.Quote(report); err != nil {
		t.Errorf("with it again: %v", err)
	}
	stop()
	if _, err := q.Quote(report); err == nil {
		t.Error("a quote from nobody")
	}
	if _, err := os.Stat(filepath.Dir(socket)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket's directory is left: %v", err)
	}
}
