package aesm

import "fmt"

// Code is what an AESM service answers. Code 0 is success.
type Code uint32

// The codes with which callers and servers deal by name.
const (
	Success            Code = 0
	Unexpected         Code = 1
	NoDevice           Code = 2
	Parameter          Code = 3
	NetworkError       Code = 12
	Busy               Code = 18
	OutOfMemory        Code = 21
	OutOfEPC           Code = 29
	ServiceUnavailable Code = 30
	UnsupportedKey     Code = 38
	KeyNotInitialised  Code = 42
	NoCertificateData  Code = 44
	InvalidReport      Code = 47
	EnclaveLoadError   Code = 48
	NoQEReport         Code = 49
	CertificationError Code = 50
)

// Error makes a code an error, for what is behind a [Server] to return.
func (c Code) Error() string { return "AESM: " + c.String() }

// String is what the code means, without its number.
func (c Code) String() string {
	if m, ok := meanings()[c]; ok {
		return m.text
	}
	return fmt.Sprintf("code %d", uint32(c))
}

// meaning of a code: what it says, what an operator does next, and whether
// the same request may succeed later.
type meaning struct {
	text, advice string
	passes       bool
}

// Advice that several codes share.
const (
	adviceDevice   = "the service sees no usable /dev/sgx_enclave and /dev/sgx_provision: check that SGX is enabled in the BIOS, and which devices the service's container is given"
	adviceNetwork  = "the service cannot reach its PCCS or provisioning service: check collateral and certificate URLs in sgx_default_qcnl.conf on the node, proxies and egress rules"
	adviceBusy     = "try again in a moment"
	adviceMemory   = "the node is out of memory for enclaves: run fewer of them on it, or give the service's container more sgx.intel.com/epc"
	adviceStarting = "the service runs, but its quoting enclave does not: see that its ECDSA and quote-ex plugins are installed, and its log for why they did not start"
	adviceKey      = "have the service's own data removed and restart it: it makes its attestation key anew"
	adviceRestart  = "restart the service, and look at its log if it happens again"
	adviceCert     = "the machine has no PCK certificate there: register it, or have the PCCS or cache of its cloud named in sgx_default_qcnl.conf on the node"
	adviceReport   = "it was made for another quoting enclave, or on another machine: ask for the target again and make another"
	adviceLoad     = "the quoting enclave did not load: check /dev/sgx_provision and the sgx_prv group on the node, and free EPC"
)

func meanings() map[Code]meaning {
	return map[Code]meaning{
		Success:            {"success", "", false},
		Unexpected:         {"unexpected error", adviceRestart, false},
		NoDevice:           {"no SGX device", adviceDevice, false},
		Parameter:          {"parameter error", "the service does not understand this client: note both versions and report it", false},
		NetworkError:       {"network error", adviceNetwork, true},
		13:                 {"network busy", adviceNetwork, true},
		14:                 {"proxy needed", adviceNetwork, false},
		15:                 {"file access error", adviceRestart, false},
		16:                 {"provisioning failed", adviceNetwork, true},
		17:                 {"service stopped", adviceRestart, true},
		Busy:               {"busy", adviceBusy, true},
		19:                 {"provisioning service busy", adviceBusy, true},
		OutOfMemory:        {"out of memory", adviceMemory, true},
		22:                 {"message error", adviceNetwork, true},
		24:                 {"SGX device not available", adviceDevice, false},
		25:                 {"SGX device cannot be enabled", adviceDevice, false},
		OutOfEPC:           {"out of EPC", adviceMemory, true},
		ServiceUnavailable: {"service unavailable", adviceStarting, true},
		31:                 {"unrecognised platform", adviceCert, false},
		32:                 {"ECDSA identifier mismatch", adviceKey, false},
		34:                 {"stored key error", adviceKey, false},
		35:                 {"public key identifier mismatch", adviceKey, false},
		37:                 {"attestation key damaged", adviceKey, false},
		UnsupportedKey:     {"unsupported attestation key", "the service has no quoting enclave for ECDSA: install its ECDSA plugin", false},
		40:                 {"interface unavailable", adviceStarting, true},
		41:                 {"platform library unavailable", "install the quote provider library (libsgx-dcap-default-qpl, or az-dcap-client on Azure) where the service runs", false},
		KeyNotInitialised:  {"attestation key not initialised", "ask for the target again", true},
		43:                 {"certification data invalid", adviceCert, false},
		NoCertificateData:  {"no platform certificate data", adviceCert, false},
		45:                 {"report error", adviceReport, false},
		46:                 {"quoting enclave lost", "the machine has slept or moved; " + adviceBusy, true},
		InvalidReport:      {"invalid report", adviceReport, false},
		EnclaveLoadError:   {"quoting enclave does not load", adviceLoad, false},
		NoQEReport:         {"no report of the quoting enclave", adviceRestart, false},
		CertificationError: {"attestation key not certified", adviceCert, false},
	}
}
