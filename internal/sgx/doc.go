// Package sgx has the structures of Intel SGX that software reads and writes,
// as the Intel 64 and IA-32 Architectures Software Developer's Manual, volume
// 3D, chapter 37 lays them out. All are little-endian.
//
// Every structure has a Parse function, strict about length and reserved
// bytes, and an Append method, so that what parses re-encodes identically.
package sgx

// Sizes in bytes.
const (
	ReportBodySize = 384
	ReportSize     = 432
	TargetInfoSize = 512
	KeyRequestSize = 512
	SigStructSize  = 1808
)
