package ert_test

import (
	"bytes"
	"errors"
	"math"
	"sync"
	"testing"

	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/internal/sim/ert"
)

// Where the tests keep arguments and out-pointers.
const (
	addrAt  = dataBase + 0x100
	sizeAt  = dataBase + 0x108
	addr2At = dataBase + 0x110
	size2At = dataBase + 0x118
	input   = 0x1000
	input2  = 0x2000
	wild    = 0xdead0000
	room    = 1 << 16
)

func call(t *testing.T, r *ert.Runtime, m *memory, number int, args ...uint64) {
	t.Helper()
	if got := try(r, m, number, args...); got != oe.OK {
		t.Fatalf("call %d: %v", number, got)
	}
}

func try(r *ert.Runtime, m *memory, number int, args ...uint64) oe.Result {
	var a [6]uint64
	copy(a[:], args)
	return oe.Result(r.Call(m, number, a))
}

func localReport(t *testing.T, r *ert.Runtime, m *memory, data, target []byte) []byte {
	t.Helper()
	a := []uint64{0, uint64(len(data)), 0, uint64(len(target)), addrAt, sizeAt}
	if len(data) > 0 {
		a[0] = m.put(input, data)
	}
	if len(target) > 0 {
		a[2] = m.put(input2, target)
	}
	call(t, r, m, oe.CallLocalReport, a...)
	report := m.bytes(addrAt, sizeAt)
	call(t, r, m, oe.CallFreeReport, m.word(addrAt))
	return report
}

func TestLocalReport(t *testing.T) {
	r, m := ert.New(newCPU(1), quoter{}), newMemory(room)
	for name, test := range map[string]struct{ data, target []byte }{
		"to nobody": {nil, nil},
		"no target": {[]byte("data"), nil},
		"no data":   {nil, localReport(t, r, m, nil, nil)},
		"both":      {bytes.Repeat([]byte{7}, 64), localReport(t, r, m, nil, nil)},
	} {
		t.Run(name, func(t *testing.T) {
			kind, body, err := oe.ParseReport(localReport(t, r, m, test.data, test.target))
			if err != nil || kind != oe.Local {
				t.Fatalf("kind %v, %v", kind, err)
			}
			report, err := sgx.ParseReport(body)
			if err != nil {
				t.Fatal(err)
			}
			var target sgx.TargetInfo
			if test.target != nil {
				self := newCPU(1).body
				target = self.Target()
			}
			var data [64]byte
			copy(data[:], test.data)
			if want := newCPU(1).Report(target, data); report != want {
				t.Errorf("got %+v, want %+v", report, want)
			}
		})
	}
}

// Of the 64 bytes at nil all are zero.
func TestLocalReportOfNil(t *testing.T) {
	r, m := ert.New(newCPU(1), quoter{}), newMemory(room)
	call(t, r, m, oe.CallLocalReport, 0, 64, 0, 0, addrAt, sizeAt)
	if got := m.bytes(addrAt, sizeAt); !bytes.Equal(got, localReport(t, r, m, nil, nil)) {
		t.Errorf("%x", got)
	}
}

// Open Enclave takes the size of a target's report for granted, and a quote for
// a report.
func TestTargetIsNotChecked(t *testing.T) {
	r, m := ert.New(newCPU(1), quoter{}), newMemory(room)
	self := newCPU(1).body
	want := localReport(t, r, m, nil, localReport(t, r, m, nil, nil))
	for name, target := range map[string][]byte{
		"longer":       append(localReport(t, r, m, nil, nil), 0),
		"of a size":    spoiled(localReport(t, r, m, nil, nil), 8),
		"remote":       oe.Report(append(self.Append(nil), make([]byte, 48)...), true),
		"forged":       spoiled(localReport(t, r, m, nil, nil), 447),
		"reserved":     spoiled(localReport(t, r, m, nil, nil), 16+31),
		"another data": localReport(t, r, m, []byte("data"), nil),
	} {
		if got := localReport(t, r, m, nil, target); !bytes.Equal(got, want) {
			t.Errorf("%s: %x", name, got)
		}
	}
}

func spoiled(b []byte, i int) []byte {
	b[i] ^= 1
	return b
}

// Open Enclave addresses an enclave by three fields of its report only.
func TestTargetIsThreeFields(t *testing.T) {
	kss := newCPU(2)
	kss.body.CETAttributes, kss.body.ConfigSVN, kss.body.ConfigID[0] = 1, 2, 3
	r, m := ert.New(newCPU(1), quoter{}), newMemory(room)
	target := kss.Report(sgx.TargetInfo{}, [64]byte{})
	_, body, _ := oe.ParseReport(localReport(t, r, m, nil, oe.Report(target.Append(nil), false)))
	report, err := sgx.ParseReport(body)
	if err != nil {
		t.Fatal(err)
	}
	three := sgx.TargetInfo{MRENCLAVE: kss.body.MRENCLAVE, Attributes: kss.body.Attributes, MiscSelect: kss.body.MiscSelect}
	if !report.Verify(reportKey(three, report.KeyID)) {
		t.Error("the report is not for the three fields")
	}
}

func TestRemoteReport(t *testing.T) {
	r, m := ert.New(newCPU(1), quoter{}), newMemory(room)
	for name, data := range map[string][]byte{"no data": nil, "some": []byte("data"), "64": bytes.Repeat([]byte{7}, 64)} {
		t.Run(name, func(t *testing.T) {
			a := []uint64{0, uint64(len(data)), 0, 0, addrAt, sizeAt}
			if data != nil {
				a[0] = m.put(input, data)
			}
			call(t, r, m, oe.CallRemoteReport, a...)
			kind, quote, err := oe.ParseReport(m.bytes(addrAt, sizeAt))
			if err != nil || kind != oe.Remote {
				t.Fatalf("kind %v, %v", kind, err)
			}
			report, err := sgx.ParseReport(bytes.TrimPrefix(quote, []byte("quote of ")))
			if err != nil || !bytes.HasPrefix(report.Body.ReportData[:], data) {
				t.Errorf("quotes %x, %v", report.Body.ReportData, err)
			}
		})
	}
}

// What Open Enclave refuses is refused, and then nothing is allocated and no
// out-pointer written.
func TestRefused(t *testing.T) {
	m := newMemory(room)
	data := m.put(input, []byte("data"))
	self := newCPU(1)
	report := self.Report(self.body.Target(), [64]byte{})
	target := m.put(input2, oe.Report(report.Append(nil), false))
	quote := m.put(input2+0x1000, oe.Report(make([]byte, 500), true))
	request := m.put(input2+0x2000, (&sgx.KeyRequest{Name: sgx.KeySeal}).Append(nil))
	kindless := m.put(input2+0x3000, append([]byte{1, 0, 0, 0, 3, 0, 0, 0}, make([]byte, 440)...))
	version3 := m.put(input2+0x4000, append([]byte{3, 0, 0, 0, 1, 0, 0, 0}, make([]byte, 440)...))
	const invalid, unsupported = oe.InvalidParameter, oe.Unsupported

	for name, test := range map[string]struct {
		number int
		args   []uint64
		want   oe.Result
	}{
		"remote, no address":           {oe.CallRemoteReport, []uint64{data, 4, 0, 0, 0, sizeAt}, invalid},
		"remote, no size":              {oe.CallRemoteReport, []uint64{data, 4, 0, 0, addrAt, 0}, invalid},
		"remote, wild address":         {oe.CallRemoteReport, []uint64{data, 4, 0, 0, wild, sizeAt}, invalid},
		"remote, wild size":            {oe.CallRemoteReport, []uint64{data, 4, 0, 0, addrAt, wild}, invalid},
		"remote, last byte unmapped":   {oe.CallRemoteReport, []uint64{data, 4, 0, 0, dataBase + 1<<16 - 7, sizeAt}, invalid},
		"remote, wild data":            {oe.CallRemoteReport, []uint64{wild, 4, 0, 0, addrAt, sizeAt}, invalid},
		"remote, nil data of 4":        {oe.CallRemoteReport, []uint64{0, 4, 0, 0, addrAt, sizeAt}, invalid},
		"remote, data of none":         {oe.CallRemoteReport, []uint64{data, 0, 0, 0, addrAt, sizeAt}, invalid},
		"remote, data of 65":           {oe.CallRemoteReport, []uint64{data, 65, 0, 0, addrAt, sizeAt}, invalid},
		"remote, data without end":     {oe.CallRemoteReport, []uint64{data, math.MaxUint64, 0, 0, addrAt, sizeAt}, invalid},
		"remote, options":              {oe.CallRemoteReport, []uint64{data, 4, data, 4, addrAt, sizeAt}, invalid},
		"remote, options of none":      {oe.CallRemoteReport, []uint64{data, 4, data, 0, addrAt, sizeAt}, invalid},
		"remote, nil options of 4":     {oe.CallRemoteReport, []uint64{data, 4, 0, 4, addrAt, sizeAt}, invalid},
		"local, no address":            {oe.CallLocalReport, []uint64{data, 4, 0, 0, 0, sizeAt}, invalid},
		"local, no size":               {oe.CallLocalReport, []uint64{data, 4, 0, 0, addrAt, 0}, invalid},
		"local, data of 65":            {oe.CallLocalReport, []uint64{data, 65, 0, 0, addrAt, sizeAt}, invalid},
		"local, wild data":             {oe.CallLocalReport, []uint64{wild, 1, 0, 0, addrAt, sizeAt}, invalid},
		"local, wild target":           {oe.CallLocalReport, []uint64{0, 0, wild, 448, addrAt, sizeAt}, invalid},
		"local, target of none":        {oe.CallLocalReport, []uint64{0, 0, target, 0, addrAt, sizeAt}, invalid},
		"local, nil data of 65":        {oe.CallLocalReport, []uint64{0, 65, 0, 0, addrAt, sizeAt}, invalid},
		"local, target short":          {oe.CallLocalReport, []uint64{0, 0, target, 447, addrAt, sizeAt}, invalid},
		"local, target without kind":   {oe.CallLocalReport, []uint64{0, 0, kindless, 448, addrAt, sizeAt}, invalid},
		"local, target of version 3":   {oe.CallLocalReport, []uint64{0, 0, version3, 448, addrAt, sizeAt}, invalid},
		"local, target without end":    {oe.CallLocalReport, []uint64{0, 0, target, math.MaxUint64, addrAt, sizeAt}, invalid},
		"verify, nil":                  {oe.CallVerifyReport, []uint64{0, 448, addrAt}, invalid},
		"verify, nothing":              {oe.CallVerifyReport, []uint64{target, 0, addrAt}, invalid},
		"verify, wild":                 {oe.CallVerifyReport, []uint64{wild, 448, addrAt}, invalid},
		"verify, without end":          {oe.CallVerifyReport, []uint64{target, math.MaxUint64, addrAt}, invalid},
		"verify, wild out":             {oe.CallVerifyReport, []uint64{target, 448, wild}, invalid},
		"verify, a quote of version 0": {oe.CallVerifyReport, []uint64{quote, 516, addrAt}, oe.QuoteVerificationError},
		"verify, kindless":             {oe.CallVerifyReport, []uint64{kindless, 448, addrAt}, unsupported},
		"verify, version 3":            {oe.CallVerifyReport, []uint64{version3, 448, addrAt}, invalid},
		"verify, header alone":         {oe.CallVerifyReport, []uint64{target, 16, addrAt}, oe.IncorrectReportSize},
		"verify, half a header":        {oe.CallVerifyReport, []uint64{target, 15, addrAt}, invalid},
		"verify, short":                {oe.CallVerifyReport, []uint64{target, 447, addrAt}, oe.IncorrectReportSize},
		"verify, long":                 {oe.CallVerifyReport, []uint64{target, 449, addrAt}, oe.IncorrectReportSize},
		"key, no request":              {oe.CallSealKey, []uint64{0, 512, addrAt, sizeAt}, invalid},
		"key, wild request":            {oe.CallSealKey, []uint64{wild, 512, addrAt, sizeAt}, invalid},
		"key, request of none":         {oe.CallSealKey, []uint64{request, 0, addrAt, sizeAt}, invalid},
		"key, request short":           {oe.CallSealKey, []uint64{request, 511, addrAt, sizeAt}, invalid},
		"key, request long":            {oe.CallSealKey, []uint64{request, 513, addrAt, sizeAt}, invalid},
		"key, no address":              {oe.CallSealKey, []uint64{request, 512, 0, sizeAt}, invalid},
		"key, no size":                 {oe.CallSealKey, []uint64{request, 512, addrAt, 0}, invalid},
		"key, wild size":               {oe.CallSealKey, []uint64{request, 512, addrAt, wild}, invalid},
		"policy, none":                 {oe.CallSealKeyByPolicy, []uint64{0, addrAt, sizeAt, addr2At, size2At}, invalid},
		"policy, both":                 {oe.CallSealKeyByPolicy, []uint64{3, addrAt, sizeAt, addr2At, size2At}, invalid},
		"policy, no address":           {oe.CallSealKeyByPolicy, []uint64{1, 0, sizeAt, addr2At, size2At}, invalid},
		"policy, no size":              {oe.CallSealKeyByPolicy, []uint64{1, addrAt, 0, addr2At, size2At}, invalid},
		"policy, half a request out":   {oe.CallSealKeyByPolicy, []uint64{1, addrAt, sizeAt, addr2At, 0}, invalid},
		"policy, other half":           {oe.CallSealKeyByPolicy, []uint64{1, addrAt, sizeAt, 0, size2At}, invalid},
		"policy, wild request out":     {oe.CallSealKeyByPolicy, []uint64{1, addrAt, sizeAt, wild, size2At}, invalid},
		"policy, wild key out":         {oe.CallSealKeyByPolicy, []uint64{1, wild, sizeAt, addr2At, size2At}, invalid},
		"evidence, nil":                {oe.CallVerifyEvidence, []uint64{0, 516, addrAt, sizeAt}, invalid},
		"evidence, wild":               {oe.CallVerifyEvidence, []uint64{wild, 516, addrAt, sizeAt}, invalid},
		"evidence, garbage":            {oe.CallVerifyEvidence, []uint64{data, 4, addrAt, sizeAt}, invalid},
		"evidence, local":              {oe.CallVerifyEvidence, []uint64{target, 448, addrAt, sizeAt}, invalid},
		"evidence, half a claims out":  {oe.CallVerifyEvidence, []uint64{quote, 516, addrAt, 0}, invalid},
		"evidence, of nothing":         {oe.CallVerifyEvidence, []uint64{quote, 0, addrAt, sizeAt}, invalid},
		"evidence, without end":        {oe.CallVerifyEvidence, []uint64{quote, math.MaxUint64, addrAt, sizeAt}, invalid},
		"evidence, header alone":       {oe.CallVerifyEvidence, []uint64{quote, 16, addrAt, sizeAt}, oe.ReportParseError},
		"evidence, short":              {oe.CallVerifyEvidence, []uint64{quote, 515, addrAt, sizeAt}, oe.ReportParseError},
		"evidence, version 0":          {oe.CallVerifyEvidence, []uint64{quote, 516, addrAt, sizeAt}, oe.QuoteVerificationError},
		"free, wild report":            {oe.CallFreeReport, []uint64{wild}, invalid},
		"free, wild key":               {oe.CallFreeSealKey, []uint64{wild, 0}, invalid},
		"free, wild request":           {oe.CallFreeSealKey, []uint64{0, wild}, invalid},
		"free, wild claims":            {oe.CallFreeClaims, []uint64{wild, 1}, invalid},
		"free, the texts":              {oe.CallFreeReport, []uint64{arenaBase}, invalid},
		"number below":                 {oe.CallRemoteReport - 1, nil, unsupported},
		"number above":                 {oe.CallLocalReport + 1, nil, unsupported},
		"number 0":                     {0, nil, unsupported},
		"number negative":              {-1, nil, unsupported},
	} {
		t.Run(name, func(t *testing.T) {
			r := ert.New(newCPU(1), quoter{})
			m.live = map[uint64]int{}
			before := bytes.Clone(m.data)
			if got := try(r, m, test.number, test.args...); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
			if len(m.live) != 1 {
				t.Errorf("%d allocations beside the texts", len(m.live)-1)
			}
			for _, at := range []uint64{addrAt, addr2At} {
				if was := before[at-dataBase:][:8]; !bytes.Equal(was, m.data[at-dataBase:][:8]) && m.word(at) != 0 {
					t.Errorf("an out-pointer is %#x", m.word(at))
				}
			}
		})
	}
}

func TestFreeNil(t *testing.T) {
	r, m := ert.New(newCPU(1), quoter{}), newMemory(room)
	for _, number := range []int{oe.CallFreeReport, oe.CallFreeSealKey, oe.CallFreeClaims} {
		call(t, r, m, number)
	}
}

func TestFreeTwice(t *testing.T) {
	r, m := ert.New(newCPU(1), quoter{}), newMemory(room)
	call(t, r, m, oe.CallSealKeyByPolicy, oe.PolicyUnique, addrAt, sizeAt, addr2At, size2At)
	call(t, r, m, oe.CallFreeSealKey, m.word(addrAt), m.word(addr2At))
	if len(m.live) != 1 {
		t.Errorf("%d allocations are left beside the texts", len(m.live)-1)
	}
	if got := try(r, m, oe.CallFreeSealKey, m.word(addrAt), m.word(addr2At)); got != oe.InvalidParameter {
		t.Errorf("the second time: %v", got)
	}
}

func TestQuoterRefuses(t *testing.T) {
	r, m := ert.New(newCPU(1), quoter{refuse: errors.New("no")}), newMemory(room)
	if got := try(r, m, oe.CallRemoteReport, 0, 0, 0, 0, addrAt, sizeAt); got != oe.PlatformError {
		t.Errorf("got %v", got)
	}
}

func TestConcurrent(t *testing.T) {
	r, m := ert.New(newCPU(1), quoter{}), newMemory(1<<20)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			addr, size := dataBase+0x100+uint64(i)*16, dataBase+0x108+uint64(i)*16
			for range 50 {
				if got := try(r, m, oe.CallRemoteReport, 0, 0, 0, 0, addr, size); got != oe.OK {
					t.Errorf("got %v", got)
				}
				m.mu.Lock()
				report := m.word(addr)
				m.mu.Unlock()
				try(r, m, oe.CallFreeReport, report)
			}
		})
	}
	wg.Wait()
	if len(m.live) != 1 {
		t.Errorf("%d allocations are left beside the texts", len(m.live)-1)
	}
}
