// Package oe has what Open Enclave defines and EGo passes on: the numbers of
// the runtime calls, the results they answer, and the header its reports wear.
//
// Both ends of a call import it: the trusted half that asks, and the
// simulator that answers in the place of EGo's runtime.
package oe

// Numbers of the calls that EGo's runtime adds to Linux's system calls. An
// argument written *p is an address the runtime reads, **p one where it
// writes the address of memory it allocated, *n one where it writes a size.
//
// A kernel without EGo answers ENOSYS to all of them.
const (
	CallRemoteReport    = 1000 + iota // (*data, len, 0, 0, **report, *n)
	CallFreeReport                    // (*report)
	CallVerifyReport                  // (*report, len, *oe_report_t)
	CallSealKey                       // (*request, 512, **key, *n)
	CallFreeSealKey                   // (*key, *request)
	CallSealKeyByPolicy               // (policy, **key, *n, **request, *n)
	CallResultText                    // (result), and answers a *char
	CallVerifyEvidence                // (*evidence, len, **claims, *n)
	CallFreeClaims                    // (*claims, n)
	CallLocalReport                   // (*data, len, *target, len, **report, *n)
)

// Policies of CallSealKeyByPolicy.
const (
	PolicyUnique  = 1 // bound to MRENCLAVE
	PolicyProduct = 2 // bound to MRSIGNER and the product
)
