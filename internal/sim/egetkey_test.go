package sim_test

import (
	"encoding/hex"
	"errors"
	"testing"

	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/internal/sim"
)

// egoRequest is the request with which EGo asks for a product key.
func egoRequest(e *sim.Enclave) sgx.KeyRequest {
	body := e.Body()
	return sgx.KeyRequest{
		Name:          sgx.KeySeal,
		Policy:        sgx.PolicyMRSIGNER,
		SVN:           body.SVN,
		CPUSVN:        body.CPUSVN,
		AttributeMask: sgx.SealAttributeMask,
		MiscMask:      sgx.SealMiscMask,
		KeyID:         [32]byte{9},
	}
}

func identity() sim.Identity {
	return sim.Identity{MRENCLAVE: [32]byte{1}, MRSIGNER: [32]byte{2}, ProductID: 3, SVN: 4}
}

func key(t *testing.T, e *sim.Enclave, req sgx.KeyRequest) [16]byte {
	t.Helper()
	k, err := e.Key(req)
	if err != nil {
		t.Fatal(err)
	}
	if k == [16]byte{} {
		t.Fatal("a key of zeros")
	}
	return k
}

func TestWhatKeysDependOn(t *testing.T) {
	machine, other := sim.Fixed(1, 1), sim.Fixed(2, 1)
	epoch := sim.Fixed(1, 2)
	type setup struct {
		machine *sim.Machine
		id      sim.Identity
		req     sgx.KeyRequest
	}
	const (
		noPolicy = 0
		enclave  = sgx.PolicyMRENCLAVE
		signer   = sgx.PolicyMRSIGNER
		both     = enclave | signer
	)
	older := machine.Enclave(identity()).Body().CPUSVN
	older[0]--
	seal, report := sgx.KeySeal, sgx.KeyReport
	tests := map[string]struct {
		name    sgx.KeyName
		policy  uint16
		change  func(*setup)
		another bool // whether the change gives another key
	}{
		"no change":                  {seal, both, func(*setup) {}, false},
		"machine":                    {seal, both, func(s *setup) { s.machine = other }, true},
		"owner epoch":                {seal, both, func(s *setup) { s.machine = epoch }, true},
		"MRENCLAVE, to enclave":      {seal, enclave, func(s *setup) { s.id.MRENCLAVE[31]++ }, true},
		"MRENCLAVE, to both":         {seal, both, func(s *setup) { s.id.MRENCLAVE[31]++ }, true},
		"MRENCLAVE, to signer":       {seal, signer, func(s *setup) { s.id.MRENCLAVE[31]++ }, false},
		"MRENCLAVE, to neither":      {seal, noPolicy, func(s *setup) { s.id.MRENCLAVE[31]++ }, false},
		"MRSIGNER, to enclave":       {seal, enclave, func(s *setup) { s.id.MRSIGNER[31]++ }, false},
		"MRSIGNER, to both":          {seal, both, func(s *setup) { s.id.MRSIGNER[31]++ }, true},
		"MRSIGNER, to signer":        {seal, signer, func(s *setup) { s.id.MRSIGNER[31]++ }, true},
		"MRSIGNER, to neither":       {seal, noPolicy, func(s *setup) { s.id.MRSIGNER[31]++ }, false},
		"product, to enclave":        {seal, enclave, func(s *setup) { s.id.ProductID++ }, true},
		"product, to signer":         {seal, signer, func(s *setup) { s.id.ProductID++ }, true},
		"product, to neither":        {seal, noPolicy, func(s *setup) { s.id.ProductID++ }, true},
		"enclave's newer SVN":        {seal, both, func(s *setup) { s.id.SVN++ }, false},
		"older SVN asked for":        {seal, both, func(s *setup) { s.req.SVN-- }, true},
		"older CPUSVN asked for":     {seal, both, func(s *setup) { s.req.CPUSVN = older }, true},
		"debug":                      {seal, both, func(s *setup) { s.id.Debug = true }, true},
		"key ID":                     {seal, both, func(s *setup) { s.req.KeyID[31]++ }, true},
		"policy":                     {seal, both, func(s *setup) { s.req.Policy = signer }, true},
		"no policy":                  {seal, signer, func(s *setup) { s.req.Policy = noPolicy }, true},
		"flag mask, of a flag set":   {seal, both, func(s *setup) { s.req.AttributeMask.Flags |= sgx.FlagMode64 }, true},
		"flag mask, of a flag clear": {seal, both, func(s *setup) { s.req.AttributeMask.Flags |= sgx.FlagProvisionKey }, true},
		"flag mask, of a forced bit": {seal, both, func(s *setup) { s.req.AttributeMask.Flags &^= sgx.FlagDebug }, true},
		"XFRM mask":                  {seal, both, func(s *setup) { s.req.AttributeMask.XFRM = 4 }, true},
		"misc mask":                  {seal, both, func(s *setup) { s.req.MiscMask = 0 }, true},
		"config SVN, without KSS":    {seal, both, func(s *setup) { s.req.ConfigSVN++ }, false},
		"name":                       {seal, both, func(s *setup) { s.req.Name = report }, true},

		"report: machine":      {report, 0, func(s *setup) { s.machine = other }, true},
		"report: owner epoch":  {report, 0, func(s *setup) { s.machine = epoch }, true},
		"report: MRENCLAVE":    {report, 0, func(s *setup) { s.id.MRENCLAVE[0]++ }, true},
		"report: debug":        {report, 0, func(s *setup) { s.id.Debug = true }, true},
		"report: key ID":       {report, 0, func(s *setup) { s.req.KeyID[0]++ }, true},
		"report: CPU updated":  {report, 0, func(s *setup) { s.machine = machine.Updated(older) }, true},
		"report: MRSIGNER":     {report, 0, func(s *setup) { s.id.MRSIGNER[0]++ }, false},
		"report: product":      {report, 0, func(s *setup) { s.id.ProductID++ }, false},
		"report: SVN":          {report, 0, func(s *setup) { s.id.SVN++ }, false},
		"report: SVN asked":    {report, 0, func(s *setup) { s.req.SVN = 0xFFFF }, false},
		"report: CPUSVN asked": {report, 0, func(s *setup) { s.req.CPUSVN[0] = 0xFF }, false},
		"report: policy":       {report, 0, func(s *setup) { s.req.Policy = both }, false},
		"report: masks":        {report, 0, func(s *setup) { s.req.AttributeMask, s.req.MiscMask = sgx.Attributes{}, 0 }, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := setup{machine, identity(), egoRequest(machine.Enclave(identity()))}
			s.req.Name, s.req.Policy = test.name, test.policy
			before := key(t, s.machine.Enclave(s.id), s.req)
			test.change(&s)
			after := key(t, s.machine.Enclave(s.id), s.req)
			if another := before != after; another != test.another {
				t.Errorf("another key: %v, want %v", another, test.another)
			}
		})
	}
}

func TestKeyRefusals(t *testing.T) {
	e := sim.Fixed(1, 1).Enclave(identity())
	tests := map[string]struct {
		change func(*sgx.KeyRequest)
		want   error
	}{
		"zero":            {func(r *sgx.KeyRequest) { *r = sgx.KeyRequest{} }, sim.ErrInvalidAttribute},
		"EINITTOKEN":      {func(r *sgx.KeyRequest) { r.Name = sgx.KeyEINITToken }, sim.ErrInvalidAttribute},
		"PROVISION":       {func(r *sgx.KeyRequest) { r.Name = sgx.KeyProvision }, sim.ErrInvalidAttribute},
		"PROVISION_SEAL":  {func(r *sgx.KeyRequest) { r.Name = sgx.KeyProvisionSeal }, sim.ErrInvalidAttribute},
		"no such name":    {func(r *sgx.KeyRequest) { r.Name = 5 }, sim.ErrInvalidKeyName},
		"highest name":    {func(r *sgx.KeyRequest) { r.Name = 0xFFFF }, sim.ErrInvalidKeyName},
		"newer SVN":       {func(r *sgx.KeyRequest) { r.SVN++ }, sim.ErrInvalidSVN},
		"newer CPUSVN":    {func(r *sgx.KeyRequest) { r.CPUSVN[15]++ }, sim.ErrInvalidCPUSVN},
		"mixed CPUSVN":    {func(r *sgx.KeyRequest) { r.CPUSVN[0]--; r.CPUSVN[1]++ }, sim.ErrInvalidCPUSVN},
		"no product ID":   {func(r *sgx.KeyRequest) { r.Policy |= sgx.PolicyNoProductID }, sim.ErrInvalidRequest},
		"config ID":       {func(r *sgx.KeyRequest) { r.Policy |= sgx.PolicyConfigID }, sim.ErrInvalidRequest},
		"family ID":       {func(r *sgx.KeyRequest) { r.Policy |= sgx.PolicyFamilyID }, sim.ErrInvalidRequest},
		"ext product ID":  {func(r *sgx.KeyRequest) { r.Policy |= sgx.PolicyExtProductID }, sim.ErrInvalidRequest},
		"reserved policy": {func(r *sgx.KeyRequest) { r.Policy |= 0x8000 }, sim.ErrInvalidRequest},
		"CET mask":        {func(r *sgx.KeyRequest) { r.CETMask = 1 }, sim.ErrInvalidRequest},
		"KSS for REPORT":  {func(r *sgx.KeyRequest) { r.Name, r.Policy = sgx.KeyReport, sgx.PolicyConfigID }, sim.ErrInvalidRequest},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			req := egoRequest(e)
			test.change(&req)
			k, err := e.Key(req)
			if !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
			if k != [16]byte{} {
				t.Error("a key beside the error")
			}
		})
	}
}

func TestDebugSharesNoKey(t *testing.T) {
	m := sim.Fixed(1, 1)
	production, debug := identity(), identity()
	debug.Debug = true
	for name, mask := range map[string]uint64{
		"EGo's": sgx.SealAttributeMask.Flags, "none": 0, "all": ^uint64(0), "all but DEBUG": ^uint64(sgx.FlagDebug), "INIT": sgx.FlagInit,
	} {
		for policy := range uint16(4) {
			req := egoRequest(m.Enclave(production))
			req.AttributeMask.Flags, req.Policy = mask, policy
			if key(t, m.Enclave(production), req) == key(t, m.Enclave(debug), req) {
				t.Errorf("mask %s, policy %d: debug and production share a key", name, policy)
			}
		}
	}
}

func TestUpdates(t *testing.T) {
	m := sim.Fixed(1, 1)
	e := m.Enclave(identity())
	sealed := egoRequest(e)
	want := key(t, e, sealed)

	svn := e.Body().CPUSVN
	svn[1], svn[15] = svn[1]+1, svn[15]+1
	updated := m.Updated(svn).Enclave(identity())
	if key(t, updated, sealed) != want {
		t.Error("after a TCB recovery, the older key is another")
	}
	if key(t, updated, egoRequest(updated)) == want {
		t.Error("after a TCB recovery, new data is sealed under the old key")
	}
	if _, err := e.Key(egoRequest(updated)); !errors.Is(err, sim.ErrInvalidCPUSVN) {
		t.Errorf("before a TCB recovery, its key: %v", err)
	}

	id := identity()
	id.SVN++
	newer := m.Enclave(id)
	if key(t, newer, sealed) != want {
		t.Error("after an update of the enclave, the older key is another")
	}
	if _, err := e.Key(egoRequest(newer)); !errors.Is(err, sim.ErrInvalidSVN) {
		t.Errorf("before an update of the enclave, its key: %v", err)
	}
}

// Sealed data outlives every version of the simulator. The key was made with
// openssl kdf and openssl mac.
func TestDerivationIsForEver(t *testing.T) {
	m := sim.Fixed(0x5A, 0xE0)
	e := m.Enclave(identity())
	req := egoRequest(e)
	req.CPUSVN = [16]byte{1, 2, 3}
	got := key(t, e, req)
	if want := "92bedeb91a967bb4a39a2939b823c5ab"; hex.EncodeToString(got[:]) != want {
		t.Errorf("key %x, want %s", got, want)
	}
}
