// Package attest says whether a peer is an Intel SGX enclave you trust.
//
// A client names the enclaves it trusts and gets a TLS configuration that
// connects to nothing else:
//
//	v := &attest.Verifier{Policy: attest.Policy{
//		Products: []attest.Product{attest.SignedBy(signer, product, minSVN)},
//	}}
//	client := &http.Client{Transport: &http.Transport{TLSClientConfig: v.TLSConfig()}}
//
// The evidence is a quote: what the CPU says of an enclave, and 64 bytes of the
// enclave's own choice, signed with a key that Intel vouches for. A [Verifier]
// goes up from Intel's root to the quote with the help of [Collateral], the
// revocation lists and judgements that Intel publishes, then asks its [Policy]
// whether this is an enclave it trusts. Nothing is trusted by default: the zero
// Policy accepts nobody.
//
// The package is pure Go, needs no SGX hardware and builds for every platform.
// It verifies SGX quotes of version 3 that bring their certificate chain, and
// refuses everything else.
//
// # What a verdict means, and what not
//
// A [Report] says that an enclave of this measurement made this evidence on a
// genuine CPU with a TCB of this status. It does not say which of the many
// instances of that enclave it is, nor with what arguments, environment or disk
// its host started it: any host can run your genuine enclave. Tell instances
// apart by measured configuration, by a secret an owner gave to one of them
// over an attested channel, or by a CA that signed the same key. Whoever can
// extract a CPU's keys by physical means can forge evidence of that CPU.
package attest
