package platform

import "github.com/cleave-sdk/cleave/internal/sgx"

// SameEnclave reports whether body is that of the enclave whose body at Open
// was self, with the given data. The CPUSVN may have risen since.
func SameEnclave(self, body sgx.ReportBody, data [64]byte) bool {
	self.CPUSVN = body.CPUSVN
	self.ReportData = data
	return body == self
}
