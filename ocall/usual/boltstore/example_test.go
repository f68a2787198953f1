package boltstore_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/cleave-sdk/cleave/ocall"
	"github.com/cleave-sdk/cleave/ocall/usual"
	"github.com/cleave-sdk/cleave/ocall/usual/boltstore"
)

// trusted is what the trusted half does with its blobs. It knows the calls, and
// not what answers them.
func trusted(ctx context.Context) error {
	conn, err := ocall.Dial(ctx, usual.Blobs())
	if err != nil {
		return err
	}
	defer conn.Close()
	for name, content := range map[string]string{"key.1": "sealed", "key.2": "sealed too", "other": "not asked for"} {
		if _, err := usual.Put.Call(ctx, conn, usual.Blob{Name: name, Content: []byte(content)}); err != nil {
			return err
		}
	}
	names, err := usual.List.Call(ctx, conn, usual.Range{Prefix: "key."})
	if err != nil {
		return err
	}
	for _, name := range names {
		blob, err := usual.Get.Call(ctx, conn, usual.Want{Name: name})
		fmt.Printf("  %s: %s %v\n", name, blob, err)
	}
	if _, err := usual.Delete.Call(ctx, conn, "key.1"); err != nil {
		return err
	}
	_, err = usual.Get.Call(ctx, conn, usual.Want{Name: "key.1"})
	fmt.Println(" ", errors.Is(err, usual.ErrNoBlob), err)
	return nil
}

// serve is the host half: whatever is a usual.Store will do.
func serve(ctx context.Context, dir string, s usual.Store) (stop func() error, err error) {
	var mux ocall.Mux
	usual.HandleBlobs(&mux, s)
	l, err := net.Listen("unix", filepath.Join(dir, "calls"))
	if err != nil {
		return nil, err
	}
	os.Setenv(ocall.AddressVariable, "unix:"+l.Addr().String())
	ctx, cancel := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- mux.Serve(ctx, l, usual.Blobs()) }()
	return func() error { cancel(); return <-served }, nil
}

func show(what, dir string, s usual.Store) {
	ctx := context.Background()
	fmt.Println(what)
	stop, err := serve(ctx, dir, s)
	if err == nil {
		err = errors.Join(trusted(ctx), stop())
	}
	if err != nil {
		fmt.Println(err)
	}
}

func Example() {
	dir, err := os.MkdirTemp("", "boltstore")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Mkdir(filepath.Join(dir, "blobs"), 0o700); err != nil {
		panic(err)
	}
	files, err := usual.OpenDirectory(filepath.Join(dir, "blobs"))
	if err != nil {
		panic(err)
	}
	defer files.Close()
	keys, err := boltstore.Open(filepath.Join(dir, "blobs.db"))
	if err != nil {
		panic(err)
	}
	defer keys.Close()

	show("a directory", dir, files)
	show("a key-value store", dir, keys)
	// Output:
	// a directory
	//   key.1: sealed <nil>
	//   key.2: sealed too <nil>
	//   true ocall: blob.get: the host said no_blob: "there is no such blob"
	// a key-value store
	//   key.1: sealed <nil>
	//   key.2: sealed too <nil>
	//   true ocall: blob.get: the host said no_blob: "there is no such blob"
}
