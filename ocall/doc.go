// Package ocall is how a trusted half asks its host for something, and
// survives the answer.
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
// once, has exactly the one encoding its value can have, and satisfies Check.
// Otherwise the caller has the zero value and an error.
//
// That does not make an answer true, recent or complete. The host may repeat an
// older one, and sees names, lengths and timing of every call. What must stay
// secret or unaltered is sealed before it is sent; the host's clock, files and
// names are opinions.
//
// # What can cross
//
// Values only: booleans, integers, floats, strings, []byte, arrays, slices,
// structs, optional fields (a pointer; nil is absent), maps with string,
// integer, boolean or byte-array keys, [time.Time] (in UTC), and types that are
// [encoding.BinaryAppender], [encoding.BinaryMarshaler] and
// [encoding.BinaryUnmarshaler] (of a whole request or response, the first and
// the last suffice). Anything else panics, with its path, when the service is
// assembled; so does a type that is [Secret]. A nil slice or map arrives empty.
//
// # Errors
//
// What the host said is a [*HostError]. What was concluded about it here is
// [ErrViolation], [ErrClosed], [ErrMismatch] or [ErrLimit]; a call that took
// too long is [context.DeadlineExceeded]. See each for what to do about it.
//
// The bytes on the wire are described in WIRE.md.
package ocall
