package attest

// LocalReport is what a verified local report says: one that an enclave made
// for another on the same CPU. Package enclave makes and verifies them. No
// platform has been judged, for it is the one that judges.
type LocalReport struct {
	Identity
	Details
	// Data is what the reporting enclave chose to say.
	Data [64]byte
}
