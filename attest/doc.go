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
// It verifies SGX quotes of versions 3, 4 and 5, bare, in Open Enclave's reports
// and evidence, and in certificates. Those of TDX trust domains it can
// authenticate too, by [Verifier.AuthenticateTD]; where enclaves are asked for,
// they are refused. Errors are of five kinds, one for each thing that can be
// done about them: see [ErrMalformed].
//
// # Attested TLS
//
// An attested certificate has a quote in it whose report data name the
// certificate's key; the handshake proves that the peer has the key. There are
// several forms of it: see [Dialect]. [Verifier.Dialects] names those that are
// accepted, of which the default is what TCG DICE and the Confidential Computing
// Consortium agree on. [Verifier.TLSConfig] is for clients and for servers that
// require attested clients; [Verifier.AddTo] adds attestation to a configuration
// that verifies names too; [Verifier.Report] tells a handler who its peer is.
//
// Quotes are believed by what they say themselves, all 64 bytes of it, and never
// by what stands beside them. All the evidence that a certificate has must be
// good, in whatever dialect, so that nothing weaker can stand in for it. Resumed
// sessions show none, and are not accepted.
//
// # Policies
//
// A policy names builds, by measurement, or products, by signer, product and
// least security version. Then it asks for what else must hold: a TCB status,
// advisories that may or must not apply, a least evaluation number and TCB date,
// lists of platforms and machines, attributes, the fields of KSS. Each rule that
// is not satisfied is a [*PolicyError] with what was found and what was wanted.
//
// Policies are kept in files: [ParsePolicy] reads strict JSON in which whole
// lines may be comments, and `cleave policy init` begins one from a quote, a
// certificate or a running service.
//
// # Time
//
// Certificates, revocation lists and judgements are valid from one day to
// another, and a verdict no longer than they: see [Report.Expires]. Inside an
// enclave the clock is the host's, and so is the choice of which collateral
// arrives. A Verifier therefore never goes back within its life: once something
// has verified at a time, nothing is judged at an earlier one, and once a judgement
// of a kind of platform has been used, no older one is. Keep one Verifier for a
// program's whole run; to judge evidence as of several moments in the past, make
// one for each. What no Verifier can know is what came before it: after a
// restart the host may begin with the time and the collateral of years ago.
// [Policy.MinEvaluation] is measured with the enclave, and draws that line.
//
// # What a verdict means, and what not
//
// A [Report] says that an enclave of this measurement made this evidence on a
// genuine CPU with a TCB of this status. It does not say which of the many
// instances of that enclave it is, nor with what arguments, environment or disk
// its host started it: any host can run your genuine enclave. Tell instances
// apart by measured configuration, by a secret an owner gave to one of them
// over an attested channel, or by a CA that signed the same key. Whoever can
// extract a CPU's keys by physical means can forge evidence of that CPU: lists
// of one's own machines, [Policy.AllowPPIDs], are the defence there is.
package attest
