package ert_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/internal/sim/ert"
)

// reportFor is a local report of enclave 1 for enclave 2.
func reportFor(t *testing.T) []byte {
	t.Helper()
	a, b := ert.New(newCPU(1), quoter{}), ert.New(newCPU(2), quoter{})
	target := localReport(t, b, newMemory(room), nil, nil)
	return localReport(t, a, newMemory(room), []byte("data"), target)
}

func TestVerifyReport(t *testing.T) {
	debug := newCPU(1)
	debug.body.Attributes.Flags |= sgx.FlagDebug
	for name, test := range map[string]struct {
		cpu        *cpu
		attributes uint64
	}{
		"production": {newCPU(1), 0},
		"debug":      {debug, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r, m := ert.New(newCPU(2), quoter{}), newMemory(room)
			report := localReport(t, ert.New(test.cpu, quoter{}), newMemory(room), []byte("data"), localReport(t, r, m, nil, nil))
			at := m.put(input, report)
			call(t, r, m, oe.CallVerifyReport, at, uint64(len(report)), addrAt)
			checkParsed(t, m, at, test.cpu.body, test.attributes)
		})
	}
}

// checkParsed reads the oe_report_t at addrAt as EGo does.
func checkParsed(t *testing.T, m *memory, at uint64, want sgx.ReportBody, attributes uint64) {
	t.Helper()
	parsed := m.data[addrAt-dataBase:]
	le := binary.LittleEndian
	for name, test := range map[string]struct{ got, want uint64 }{
		"size":                {le.Uint64(parsed), 152},
		"type":                {uint64(le.Uint32(parsed[8:])), 2},
		"report data size":    {le.Uint64(parsed[16:]), 64},
		"enclave report size": {le.Uint64(parsed[24:]), 384},
		"report data":         {le.Uint64(parsed[32:]), at + 16 + 320},
		"enclave report":      {le.Uint64(parsed[40:]), at + 16},
		"id version":          {uint64(le.Uint32(parsed[48:])), 0},
		"security version":    {uint64(le.Uint32(parsed[52:])), uint64(want.SVN)},
		"attributes":          {le.Uint64(parsed[56:]), attributes},
		"product":             {le.Uint64(parsed[128:]), uint64(want.ProductID)},
		"product, above":      {le.Uint64(parsed[136:]), 0},
		"verification result": {uint64(le.Uint32(parsed[144:])), 0},
		"the byte after it":   {uint64(parsed[152]), 0xAA},
	} {
		if test.got != test.want {
			t.Errorf("%s: %#x, want %#x", name, test.got, test.want)
		}
	}
	if !bytes.Equal(parsed[64:96], want.MRENCLAVE[:]) || !bytes.Equal(parsed[96:128], want.MRSIGNER[:]) {
		t.Error("unique or signer ID differs")
	}
	if data, _ := m.Read(le.Uint64(parsed[32:]), 64); !bytes.HasPrefix(data, []byte("data")) {
		t.Errorf("the report data is %q", data)
	}
}

// The out-pointer may be nil.
func TestVerifyReportOnly(t *testing.T) {
	r, m, report := ert.New(newCPU(2), quoter{}), newMemory(room), reportFor(t)
	call(t, r, m, oe.CallVerifyReport, m.put(input, report), uint64(len(report)), 0)
}

func TestVerifyReportForged(t *testing.T) {
	r, m, good := ert.New(newCPU(2), quoter{}), newMemory(room), reportFor(t)
	verify := func(report []byte) oe.Result {
		got := try(r, m, oe.CallVerifyReport, m.put(input, report), uint64(len(report)), addrAt)
		if got != oe.OK && m.word(addrAt) != 0xAAAAAAAAAAAAAAAA {
			t.Fatal("a refused report was parsed for the caller")
		}
		return got
	}
	for i := range good {
		report := bytes.Clone(good)
		report[i] ^= 1
		if verify(report) == oe.OK {
			t.Errorf("verifies with byte %d changed", i)
		}
		if verify(good[:i]) == oe.OK {
			t.Errorf("verifies when cut to %d bytes", i)
		}
	}
	for name, report := range map[string][]byte{
		"for another enclave": localReport(t, ert.New(newCPU(1), quoter{}), newMemory(room), nil, localReport(t, ert.New(newCPU(3), quoter{}), newMemory(room), nil, nil)),
		"for nobody":          localReport(t, ert.New(newCPU(2), quoter{}), newMemory(room), nil, nil),
	} {
		if got := verify(report); got != oe.CMACMismatch {
			t.Errorf("%s: %v", name, got)
		}
	}
	if got := verify(oe.Report(good[16:len(good)-1], false)); got != oe.IncorrectReportSize {
		t.Errorf("short, with a header that says so: %v", got)
	}
	if got := verify(oe.Report(append(bytes.Clone(good[16:]), 7), false)); got != oe.OK {
		t.Errorf("with a byte after it, and a header that says so: %v", got)
	}
	if got := verify(good); got != oe.OK {
		t.Errorf("the good one: %v", got)
	}
}
