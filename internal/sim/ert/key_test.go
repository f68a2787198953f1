package ert_test

import (
	"errors"
	"testing"

	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/internal/sim"
	"github.com/cleave-sdk/cleave/internal/sim/ert"
)

func sealKey(r *ert.Runtime, m *memory, request []byte) oe.Result {
	return try(r, m, oe.CallSealKey, m.put(input, request), uint64(len(request)), addrAt, sizeAt)
}

func TestSealKey(t *testing.T) {
	for name, request := range map[string]sgx.KeyRequest{
		"unique":        {Name: sgx.KeySeal, Policy: sgx.PolicyMRENCLAVE, SVN: 7, KeyID: [32]byte{1}},
		"product":       {Name: sgx.KeySeal, Policy: sgx.PolicyMRSIGNER, AttributeMask: sgx.SealAttributeMask, MiscMask: sgx.SealMiscMask},
		"both":          {Name: sgx.KeySeal, Policy: 3},
		"EGo's key ID":  {Name: sgx.KeySeal},
		"report":        {Name: sgx.KeyReport, KeyID: [32]byte{2}},
		"configuration": {Name: sgx.KeyReport, ConfigSVN: 1}, // which a REPORT key does not depend on
	} {
		t.Run(name, func(t *testing.T) {
			r, m := ert.New(newCPU(1), quoter{}), newMemory(room)
			if got := sealKey(r, m, request.Append(nil)); got != oe.OK {
				t.Fatal(got)
			}
			want, _ := newCPU(1).Key(request)
			if got := m.bytes(addrAt, sizeAt); [16]byte(got) != want || len(got) != 16 {
				t.Errorf("got %x, want %x", got, want)
			}
		})
	}
}

// What Open Enclave does not let through to the CPU. The fake CPU would give a
// key for each.
func TestSealKeyRefused(t *testing.T) {
	for name, spoil := range map[string]func([]byte){
		"key name 5":       func(b []byte) { b[0] = 5 },
		"key name 0x104":   func(b []byte) { b[1] = 1 },
		"no product ID":    func(b []byte) { b[2] |= sgx.PolicyNoProductID },
		"config ID":        func(b []byte) { b[2] |= sgx.PolicyConfigID },
		"family ID":        func(b []byte) { b[2] |= sgx.PolicyFamilyID },
		"extended ID":      func(b []byte) { b[2] |= sgx.PolicyExtProductID },
		"policy, high bit": func(b []byte) { b[3] = 0x80 },
		"CET mask":         func(b []byte) { b[6] = 1 },
		"reserved":         func(b []byte) { b[7] = 1 },
		"reserved, first":  func(b []byte) { b[78] = 1 },
		"reserved, last":   func(b []byte) { b[511] = 1 },
	} {
		r, m := ert.New(newCPU(1), quoter{}), newMemory(room)
		request := (&sgx.KeyRequest{Name: sgx.KeySeal, Policy: sgx.PolicyMRSIGNER}).Append(nil)
		spoil(request)
		if got := sealKey(r, m, request); got != oe.InvalidParameter || len(m.live) != 1 {
			t.Errorf("%s: %v, %d allocations", name, got, len(m.live))
		}
	}
}

// Without KSS an enclave has no configuration version but zero.
func TestConfigSVN(t *testing.T) {
	r, m := ert.New(newCPU(1), quoter{}), newMemory(room)
	if got := sealKey(r, m, (&sgx.KeyRequest{Name: sgx.KeySeal, ConfigSVN: 1}).Append(nil)); got != oe.InvalidISVSVN {
		t.Error(got)
	}
}

func TestCPURefuses(t *testing.T) {
	for err, want := range map[error]oe.Result{
		sim.ErrInvalidSVN:       oe.InvalidISVSVN,
		sim.ErrInvalidCPUSVN:    oe.InvalidCPUSVN,
		sim.ErrInvalidKeyName:   oe.InvalidKeyName,
		sim.ErrInvalidAttribute: oe.InvalidParameter,
		errors.New("any other"): oe.Unexpected,
	} {
		c := newCPU(1)
		c.refuse = err
		r, m := ert.New(c, quoter{}), newMemory(room)
		if got := sealKey(r, m, (&sgx.KeyRequest{Name: sgx.KeySeal}).Append(nil)); got != want || len(m.live) != 1 {
			t.Errorf("%v: %v, want %v; %d allocations", err, got, want, len(m.live))
		}
		if got := try(r, m, oe.CallSealKeyByPolicy, 1, addrAt, sizeAt, 0, 0); got != oe.Unexpected {
			t.Errorf("%v, by policy: %v", err, got)
		}
	}
}

func TestSealKeyByPolicy(t *testing.T) {
	for name, test := range map[string]struct{ asked, policy uint64 }{
		"unique":               {oe.PolicyUnique, sgx.PolicyMRENCLAVE},
		"product":              {oe.PolicyProduct, sgx.PolicyMRSIGNER},
		"of which 32 bits are": {1<<32 | oe.PolicyProduct, sgx.PolicyMRSIGNER},
	} {
		t.Run(name, func(t *testing.T) {
			r, m := ert.New(newCPU(1), quoter{}), newMemory(room)
			call(t, r, m, oe.CallSealKeyByPolicy, test.asked, addrAt, sizeAt, addr2At, size2At)
			key, request := m.bytes(addrAt, sizeAt), m.bytes(addr2At, size2At)
			want := sgx.KeyRequest{
				Name:          sgx.KeySeal,
				Policy:        uint16(test.policy),
				SVN:           7,
				CPUSVN:        [16]byte{3, 2, 1},
				AttributeMask: sgx.SealAttributeMask,
				MiscMask:      sgx.SealMiscMask,
			}
			if got, err := sgx.ParseKeyRequest(request); err != nil || got != want {
				t.Errorf("request %+v, %v; want %+v", got, err, want)
			}
			call(t, r, m, oe.CallSealKeyByPolicy, test.asked, addrAt, sizeAt, 0, 0)
			if again := m.bytes(addrAt, sizeAt); string(again) != string(key) || len(key) != 16 {
				t.Errorf("without the request the key is %x, with it %x", again, key)
			}
			if got := sealKey(r, m, request); got != oe.OK || string(m.bytes(addrAt, sizeAt)) != string(key) {
				t.Error("the request does not give the key")
			}
		})
	}
}
