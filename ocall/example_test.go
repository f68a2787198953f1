package ocall_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/cleave-sdk/cleave/ocall"
)

// A package that both halves import says what they say to each other.

// Entry is what the host knows about a blob.
type Entry struct {
	Name string
	Size uint64
}

var Stat = ocall.Func[string, Entry]{
	Name: "blob.stat",
	Check: func(name string, e Entry) error {
		if e.Name != name || e.Size > 1<<20 {
			return errors.New("an entry for another blob, or too large")
		}
		return nil
	},
}

var Load = ocall.Func[string, []byte]{
	Name:        "blob.load",
	Check:       ocall.Unchecked[string, []byte], // sealed: opening it is the check
	MaxResponse: 1 << 20,
}

var Service = ocall.Service{Load, Stat}

func Example() {
	dir, err := os.MkdirTemp("", "ocall")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	ctx, stop := context.WithCancel(context.Background())

	// The host half.
	var mux ocall.Mux
	Load.Handle(&mux, func(ctx context.Context, name string) ([]byte, error) {
		return nil, fmt.Errorf("no blob %q", name)
	})
	Stat.Handle(&mux, func(ctx context.Context, name string) (Entry, error) {
		return Entry{Name: name, Size: 42}, nil
	})
	listener, err := net.Listen("unix", filepath.Join(dir, "calls"))
	if err != nil {
		panic(err)
	}
	served := make(chan error)
	go func() { served <- mux.Serve(ctx, listener, Service) }()
	os.Setenv(ocall.AddressVariable, "unix:"+listener.Addr().String())

	// The trusted half.
	conn, err := ocall.Dial(ctx, Service)
	if err != nil {
		panic(err)
	}
	defer conn.Close()

	entry, err := Stat.Call(ctx, conn, "secret")
	fmt.Println(entry.Size, err)

	_, err = Load.Call(ctx, conn, "secret")
	var said *ocall.HostError
	fmt.Println(errors.As(err, &said), err)

	stop()
	fmt.Println(<-served)
	// Output:
	// 42 <nil>
	// true ocall: blob.load: the host said "no blob \"secret\""
	// <nil>
}

// A response that is opened, hashed or copied elsewhere is only borrowed.
func ExampleFunc_CallBorrowed() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	trusted, host := net.Pipe()

	// The host half.
	var mux ocall.Mux
	Load.Handle(&mux, func(ctx context.Context, name string) ([]byte, error) {
		return bytes.Repeat([]byte("blob"), 100_000), nil
	})
	go mux.Serve(ctx, oneConn(host), ocall.Service{Load})

	// The trusted half.
	conn, err := ocall.New(ctx, trusted, ocall.Service{Load})
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	err = Load.CallBorrowed(ctx, conn, "large", func(blob []byte) error {
		fmt.Printf("%x\n", sha256.Sum256(blob))
		return nil
	})
	fmt.Println(err)
	// Output:
	// edc5a38fc90e2a2253e161fe8f22a340336759d530b37615d1ff58167bd95999
	// <nil>
}

func ExampleService_String() {
	fmt.Print(Service)
	// Output:
	// blob.load(string max=65536) []byte max=1048576
	// blob.stat(string max=65536) {Name string, Size uint64} max=65536
}
