package ert

import (
	"errors"

	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/oe"
)

// refusal is what Open Enclave answers where the verifier refuses. Where the
// two check in another order, or the verifier checks more, it is the nearest.
func refusal(err error) oe.Result {
	var e *dcap.Error
	if !errors.As(err, &e) {
		return oe.VerifyFailed
	}
	switch e.Name {
	case "PCK_CERT_CHAIN_UNTRUSTED", "INVALID_QE_REPORT_DATA":
		return oe.QuoteVerificationError
	case "INVALID_PCK_CERT":
		return oe.InvalidSGXExtensions
	case "QE_IDENTITY_MISMATCH":
		return oe.QuotingEnclaveNotVerified
	case "INTERMEDIATE_CA_REVOKED", "PCK_REVOKED", "TCB_SIGNING_CERT_REVOKED":
		return oe.Revoked
	case "CRL_EXPIRED":
		return oe.CRLExpired
	case "PCK_CERT_CHAIN_EXPIRED", "SIGNING_CERT_CHAIN_EXPIRED", "TCB_INFO_EXPIRED", "ENCLAVE_IDENTITY_EXPIRED", "TCB_NOT_SUPPORTED":
		return oe.NoValidityPeriod
	}
	return oe.VerifyFailed // a signature, or what the signatures are about
}

func refusedAs(err error, name string) bool {
	var e *dcap.Error
	return errors.As(err, &e) && e.Name == name
}
