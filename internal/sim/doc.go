// Package sim is a processor with SGX in software: it derives keys and makes
// reports as EGETKEY and EREPORT do, has a quoting enclave, and stands in for
// Intel as the authority that certifies it and serves its collateral.
//
// What it makes has every property of the genuine article but the one that
// counts: nothing keeps the secrets from the host. Its quotes chain to a root
// of its own, which no verifier accepts unless it is told to.
//
// A machine is a directory. Every process that opens the same directory is on
// the same machine: it opens what another has sealed, checks its reports, and
// shares its root.
//
// A machine has a history, by which a TCB recovery can be rehearsed: RecoverTCB
// makes its TCB out of date, UpdateMicrocode brings it up to date again, and
// RevokePCK revokes its certificate. The authority says the new at once, also
// in a service that runs; enclaves have what there was when they were started.
package sim
