// Package ocall is how a trusted half asks its host for something, and
// survives the answer: remote procedure calls over a unix or TCP socket.
//
// A call is declared once, in a package that both halves import:
//
//	var Load = ocall.Func[string, []byte]{
//		Name:  "blob.load",
//		Check: func(name string, blob []byte) error { … },
//	}
//	var Service = ocall.Service{Load, Store}
//
// The trusted half dials and calls; the host half handles and serves:
//
//	conn, err := ocall.Dial(ctx, calls.Service)
//	blob, err := calls.Load.Call(ctx, conn, "secret")
//
//	var mux ocall.Mux
//	calls.Load.Handle(&mux, store.Load)
//	err := mux.Serve(ctx, listener, calls.Service)
//
// # What an answer has gone through
//
// The host is the attacker. Its answer belongs to a call that is waiting, is no
// longer than that call allows (compared before memory is set aside), is copied
// once, has exactly the one encoding its value can have, takes no more than 16
// times the limit as a value, and satisfies Check. Otherwise the caller has the
// zero value and an error.
//
// That does not make an answer true, recent or complete. The host may repeat an
// older one, and sees names, lengths and timing of every call. What must stay
// secret or unaltered is sealed before it is sent; the host's clock, files and
// names are opinions.
//
// # What is too large for an answer
//
// A [Stream] is a call over which both halves send chunks: a file, a relayed
// socket, a queue of events. Neither is sent more than it has room for, so that
// ten gigabytes pass through a megabyte:
//
//	f, err := calls.Read.Open(ctx, conn, "name")
//	defer f.Close()
//	n, err := io.Copy(w, ocall.Reader(f))
//
// The end of a stream is said by the host; a stream that was cut ends with an
// error, and never with io.EOF. A host that ends it early lies: whether all came,
// a seal or a length from elsewhere shows.
//
// # When the host is restarted
//
// A connection is lost once, for all calls under way. What then happens is
// chosen: [Dial] leaves it to its caller, and a [Dialer] dials again, and may
// repeat calls that are declared idempotent.
//
// # What can cross
//
// Values only: booleans, integers, floats, strings, []byte, arrays, slices,
// structs, optional fields (a pointer; nil is absent), maps with string,
// integer, boolean or byte-array keys, [time.Time] (in UTC), and types that are
// [encoding.BinaryAppender] and [encoding.BinaryUnmarshaler]. Anything else
// panics, with its path, when the service is assembled; so does a type that is
// [Secret]. A nil slice or map arrives empty.
//
// # Errors
//
// What the host said is a [*HostError], with the error it stands for if the call
// declares that. What was concluded about it here is [ErrViolation],
// [ErrClosed], [ErrMismatch] or [ErrLimit]; a call that took too long is
// [context.DeadlineExceeded]. See each for what to do about it.
//
// # Costs
//
// A system call of the trusted half leaves the enclave, so calls share them: 64
// callers at once make less than one read or write for ten calls. The trusted half
// never spins, no call sets a timer or reads a clock, and a connection that waits
// has one goroutine. What calls under way take of memory, [Dialer.Memory] bounds. A long body had better be a []byte of its own:
// as a field of a struct it is copied and compared, which costs several times as
// much.
//
// Two things are for those who measured that they need them: [Mux.BusyPoll] spares
// a host half that is asked again at once its sleep, and [Func.CallBorrowed] and
// [Func.HandleBorrowed] spare the memory that each long response or request would
// take. Package ocall/bench has comparisons, with and without.
//
// The bytes on the wire are described in WIRE.md.
package ocall
