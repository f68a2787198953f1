package platform

import (
	"errors"

	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/sealing"
)

var (
	errBinding = errors.New("no such binding")
	errKSS     = errors.New("there are no keys here that need KSS")
)

// SealKeyRequest is how every platform with EGETKEY and without KSS asks for a
// sealing key. What cannot be had is an error, never a key that depends on
// less than was asked for.
func SealKeyRequest(r sealing.KeyRequest) (sgx.KeyRequest, error) {
	if r.Separation != 0 || r.ConfigSVN != 0 {
		return sgx.KeyRequest{}, errKSS
	}
	policy, err := keyPolicy(r.Binding)
	if err != nil {
		return sgx.KeyRequest{}, err
	}
	return sgx.KeyRequest{
		Name:          sgx.KeySeal,
		Policy:        policy,
		SVN:           r.SVN,
		CPUSVN:        r.CPUSVN,
		AttributeMask: sgx.SealAttributeMask,
		KeyID:         r.KeyID,
		MiscMask:      sgx.SealMiscMask,
	}, nil
}

func keyPolicy(b sealing.Binding) (uint16, error) {
	switch b {
	case sealing.ToEnclave:
		return sgx.PolicyMRENCLAVE, nil
	case sealing.ToSigner:
		return sgx.PolicyMRSIGNER, nil
	}
	return 0, errBinding
}
