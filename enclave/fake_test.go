package enclave_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"testing"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/enclave"
	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/sealing"
)

const reportDataAt = 48 + 320 // in a quote

// fake is a platform whose quotes nobody signed.
type fake struct {
	body sgx.ReportBody

	mu     sync.Mutex
	quotes int
	fail   error                     // of Report, Quote and SealingKey
	bend   func(quote []byte) []byte // what the host makes of a quote
	wait   func(context.Context)     // before a quote
	target sgx.TargetInfo            // of the last report
	panics bool                      // in Report
}

func newFake() *fake {
	return &fake{body: sgx.ReportBody{
		MRENCLAVE:  [32]byte{1, 2, 3},
		MRSIGNER:   [32]byte{4, 5, 6},
		ProductID:  7,
		SVN:        8,
		Attributes: sgx.Attributes{Flags: sgx.FlagInit | sgx.FlagMode64},
	}}
}

// set changes f while others use it.
func (f *fake) set(change func(*fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *fake) made() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.quotes
}

func (f *fake) Name() string { return "fake" }

func (f *fake) Report(_ context.Context, target sgx.TargetInfo, data [64]byte) (sgx.Report, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.panics {
		panic("no report")
	}
	f.target = target
	r := sgx.Report{Body: f.body}
	r.Body.ReportData = data
	return r, f.fail
}

func (f *fake) Quote(ctx context.Context, data [64]byte) ([]byte, error) {
	f.mu.Lock()
	f.quotes++
	wait, bend, fail, body := f.wait, f.bend, f.fail, f.body
	f.mu.Unlock()
	if wait != nil {
		wait(ctx)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if fail != nil {
		return nil, fail
	}
	body.ReportData = data
	quote := append(body.Append(make([]byte, 48)), make([]byte, 4000)...)
	if bend != nil {
		quote = bend(quote)
	}
	return quote, nil
}

func (f *fake) Level() sealing.Level {
	return sealing.Level{Source: sealing.SourceCPU, SVN: f.body.SVN}
}

func (f *fake) SealingKey(r sealing.KeyRequest) ([16]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b := append([]byte{byte(r.Binding)}, r.KeyID[:]...)
	b = append(binary.LittleEndian.AppendUint16(b, r.SVN), r.CPUSVN[:]...)
	sum := sha256.Sum256(b)
	return [16]byte(sum[:]), f.fail
}

func open(t testing.TB, f *fake) *enclave.Platform {
	t.Helper()
	p, err := enclave.New(f)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func credentials(t testing.TB, f *fake) *enclave.Credentials {
	t.Helper()
	c, err := enclave.NewCredentials(context.Background(), open(t, f))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var identity = attest.Identity{
	Measurement: attest.Measurement{1, 2, 3},
	Signer:      attest.Signer{4, 5, 6},
	ProductID:   7,
	SVN:         8,
}
