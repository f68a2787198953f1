// Package usual has the few calls that nearly every trusted half wants of its
// host: blobs by name, lines for a log, and what the host says the time is.
// Each is an ordinary [ocall.Func] with a Check, to be put into a service beside
// others:
//
//	var Service = append(ocall.Service{usual.Log, Load}, usual.Blobs()...)
//
// The host half handles them by HandleBlobs, HandleLog and HandleClock. Where
// it keeps blobs is its own business: a [Store] is a directory ([Directory]), or
// whatever else has the four methods.
//
// # What they take
//
// Of a call that may be large (Get, Put, List) four are under way at once, of the
// others eight, and more wait. So a host that keeps back all answers to one of
// them does not stop the rest, and what all that are under way take of a trusted
// half stays below 160 MiB, most of it for blobs of 16 MiB. [ocall.Dialer.Memory]
// has it stay below less. A Put that waits for its turn has its blob encoded.
//
// # What the checks cannot know
//
// A host can lose a blob and say that it never was, bring back an older one,
// read all of them, and tell any time it likes. Blobs are sealed before they are
// put; what must not come back needs a guard; and nothing that matters hangs on
// the host's clock.
package usual
