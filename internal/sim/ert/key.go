package ert

import (
	"errors"

	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/internal/sim"
)

// sealKey answers oe.CallSealKey: EGETKEY with a request from the process.
func (r *Runtime) sealKey(p process, a [6]uint64) oe.Result {
	out := output{addrTo: a[2], numberTo: a[3]}
	if out.nowhere() {
		return oe.InvalidParameter
	}
	b, ok := p.read(a[0], a[1], sgx.KeyRequestSize)
	if !ok {
		return oe.InvalidParameter
	}
	request, err := sgx.ParseKeyRequest(b)
	if err != nil || refused(request) {
		return oe.InvalidParameter
	}
	if request.Name == sgx.KeySeal && request.ConfigSVN > r.cpu.Body().ConfigSVN {
		return oe.InvalidISVSVN // EGETKEY has no error of its own for it
	}
	key, err := r.cpu.Key(request)
	if err != nil {
		return keyResult(err)
	}
	out.bytes = key[:]
	return p.deliver(out)
}

// refused reports whether Open Enclave keeps a request from the CPU: it does
// not know the policies of KSS, nor CET.
func refused(k sgx.KeyRequest) bool {
	return k.Name > sgx.KeySeal ||
		k.Policy&^(sgx.PolicyMRENCLAVE|sgx.PolicyMRSIGNER) != 0 ||
		k.CETMask != 0
}

// sealKeyByPolicy answers oe.CallSealKeyByPolicy: the SEAL key of this
// enclave at its present security versions, with a zero key ID. The request
// it was made with is delivered too if it is asked for.
func (r *Runtime) sealKeyByPolicy(p process, a [6]uint64) oe.Result {
	keyOut := output{addrTo: a[1], numberTo: a[2]}
	requestOut := output{addrTo: a[3], numberTo: a[4]}
	if keyOut.nowhere() || (a[3] == 0) != (a[4] == 0) {
		return oe.InvalidParameter
	}
	request, ok := r.requestByPolicy(uint32(a[0]))
	if !ok {
		return oe.InvalidParameter
	}
	key, err := r.cpu.Key(request)
	if err != nil {
		return oe.Unexpected
	}
	keyOut.bytes = key[:]
	if requestOut.nowhere() {
		return p.deliver(keyOut)
	}
	requestOut.bytes = request.Append(nil)
	return p.deliver(requestOut, keyOut)
}

func (r *Runtime) requestByPolicy(policy uint32) (sgx.KeyRequest, bool) {
	body := r.cpu.Body()
	request := sgx.KeyRequest{
		Name:          sgx.KeySeal,
		SVN:           body.SVN,
		CPUSVN:        body.CPUSVN,
		AttributeMask: sgx.SealAttributeMask,
		MiscMask:      sgx.SealMiscMask,
	}
	switch policy {
	case oe.PolicyUnique:
		request.Policy = sgx.PolicyMRENCLAVE
	case oe.PolicyProduct:
		request.Policy = sgx.PolicyMRSIGNER
	default:
		return sgx.KeyRequest{}, false
	}
	return request, true
}

// keyResult says what Open Enclave makes of a refusal of EGETKEY.
func keyResult(err error) oe.Result {
	switch {
	case errors.Is(err, sim.ErrInvalidSVN):
		return oe.InvalidISVSVN
	case errors.Is(err, sim.ErrInvalidCPUSVN):
		return oe.InvalidCPUSVN
	case errors.Is(err, sim.ErrInvalidKeyName):
		return oe.InvalidKeyName
	case errors.Is(err, sim.ErrInvalidAttribute):
		return oe.InvalidParameter
	}
	return oe.Unexpected
}
