package usual

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"

	"github.com/cleave-sdk/cleave/ocall"
)

// Sizes.
const (
	MaxBlob = 16 << 20 // bytes of a blob
	MaxName = 200      // bytes of a blob's name
	MaxList = 1000     // names in one answer
)

// Calls of each name that are under way at once. More wait for their turn. A
// host that keeps all its answers back takes no more places of a connection, of
// its 64, than these.
const (
	fewAtOnce  = 4 // of answers or requests that are large
	manyAtOnce = 8
)

// ErrNoBlob is what Get and Delete return if the host says that it has no blob
// of that name.
var ErrNoBlob = errors.New("there is no such blob")

// ErrName is what a Store returns for a name that is none: see ValidName.
var ErrName = errors.New("no name of a blob")

// ErrSize is what a Store returns for a blob of more than MaxBlob bytes.
var ErrSize = errors.New("a blob of more than 16 MiB")

// ValidName reports whether a blob can have the name: 1 to 200 letters, digits,
// '.', '_' and '-', of which the first is no '.'.
func ValidName(name string) bool {
	return name != "" && len(name) <= MaxName && name[0] != '.' && strings.IndexFunc(name, odd) < 0
}

func odd(r rune) bool {
	letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	return !letter && !strings.ContainsRune("._-", r)
}

var errorsOfBlobs = []ocall.DeclaredError{
	ocall.ErrorValue("no_blob", ErrNoBlob),
	ocall.ErrorValue("bad_name", ErrName),
	ocall.ErrorValue("too_large", ErrSize),
}

// Want names a blob, and what is known of it.
type Want struct {
	Name   string
	SHA256 *[sha256.Size]byte // of its content; if nil, any will do
}

// Get returns a blob. The host may answer with anything of at most MaxBlob
// bytes unless Want.SHA256 says what it must be: blobs that are sealed, opening
// checks better. Four are under way at once, which take 64 MiB on either side.
var Get = ocall.Func[Want, []byte]{
	Name:        "blob.get",
	Check:       checkGot,
	MaxRequest:  1 << 10,
	MaxResponse: MaxBlob,
	Concurrency: fewAtOnce,
	Idempotent:  true,
	Errors:      errorsOfBlobs,
}

var errOtherContent = errors.New("the blob has other content than was asked for")

func checkGot(want Want, blob []byte) error {
	if want.SHA256 != nil && sha256.Sum256(blob) != *want.SHA256 {
		return errOtherContent
	}
	return nil
}

// Blob is a blob and its name.
type Blob struct {
	Name    string
	Content []byte
}

// Put stores a blob, in place of an older one of its name. The host answers with
// the SHA-256 of what it has heard: that shows mistakes, not that it is kept. It is
// never made again by itself, since a late first try would undo another's Put.
// After an error, either blob may be there. Four are under way at once, which
// take 64 MiB of either side, and the host as much again.
var Put = ocall.Func[Blob, [sha256.Size]byte]{
	Name:        "blob.put",
	Check:       checkPut,
	MaxRequest:  MaxBlob + 1<<10,
	MaxResponse: 1 << 10,
	Concurrency: fewAtOnce,
	Errors:      errorsOfBlobs,
}

var errReceipt = errors.New("the receipt is for something else")

func checkPut(b Blob, receipt [sha256.Size]byte) error {
	if sha256.Sum256(b.Content) != receipt {
		return errReceipt
	}
	return nil
}

// Range are the names that begin with Prefix and come after After, in
// ascending order of their bytes.
type Range struct{ Prefix, After string }

// List returns the first names of a range, at most MaxList: more are to be had
// after the last. The end of the list is what the host says it is: it may leave
// names out, and has as many as it likes. Whoever asks for more again and again
// decides how often.
var List = ocall.Func[Range, []string]{
	Name:        "blob.list",
	Check:       checkList,
	MaxRequest:  1 << 10,
	MaxResponse: MaxList * (MaxName + 8),
	Concurrency: fewAtOnce,
	Idempotent:  true,
	Errors:      errorsOfBlobs,
}

var errList = errors.New("the names are not those of the range, in order")

func checkList(r Range, names []string) error {
	if len(names) > MaxList {
		return errList
	}
	after := r.After
	for _, name := range names {
		if !ValidName(name) || name <= after || !strings.HasPrefix(name, r.Prefix) {
			return errList
		}
		after = name
	}
	return nil
}

// Delete removes a blob; the host says it did.
var Delete = ocall.Func[string, ocall.None]{
	Name:        "blob.delete",
	Check:       ocall.Unchecked[string, ocall.None], // there is nothing in an answer
	MaxRequest:  1 << 10,
	MaxResponse: 1 << 10,
	Concurrency: manyAtOnce,
	Errors:      errorsOfBlobs,
}

// Blobs are Get, Put, List and Delete.
func Blobs() ocall.Service { return ocall.Service{Get, Put, List, Delete} }

// A Store is where the host half keeps blobs. Names were found valid, and no
// content is longer than MaxBlob. Get and Delete return an error that wraps
// ErrNoBlob for what is not there. List returns at most so many names that begin
// with prefix and come after after, in ascending order. Its methods are called by
// several goroutines at once.
type Store interface {
	Get(ctx context.Context, name string) ([]byte, error)
	Put(ctx context.Context, name string, content []byte) error
	List(ctx context.Context, prefix, after string, most int) ([]string, error)
	Delete(ctx context.Context, name string) error
}

// HandleBlobs has mux answer Blobs from s.
func HandleBlobs(mux *ocall.Mux, s Store) {
	Get.Handle(mux, func(ctx context.Context, w Want) ([]byte, error) {
		if !ValidName(w.Name) {
			return nil, ErrName
		}
		return s.Get(ctx, w.Name)
	})
	Put.Handle(mux, func(ctx context.Context, b Blob) (receipt [sha256.Size]byte, err error) {
		if !ValidName(b.Name) {
			return receipt, ErrName
		}
		if len(b.Content) > MaxBlob { // a short name leaves room for more
			return receipt, ErrSize
		}
		return sha256.Sum256(b.Content), s.Put(ctx, b.Name, b.Content)
	})
	List.Handle(mux, func(ctx context.Context, r Range) ([]string, error) { return s.List(ctx, r.Prefix, r.After, MaxList) })
	Delete.Handle(mux, func(ctx context.Context, name string) (ocall.None, error) {
		if !ValidName(name) {
			return ocall.None{}, ErrName
		}
		return ocall.None{}, s.Delete(ctx, name)
	})
}
