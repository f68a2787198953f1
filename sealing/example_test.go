package sealing_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/cleave-sdk/cleave/sealing"
)

func Example() {
	platform := newCPU() // in a trusted half, what enclave.Open returns

	sealer := sealing.New(platform, sealing.ToSigner)
	blob, err := sealer.Seal([]byte("a secret"), []byte("secrets/database"))
	if err != nil {
		fmt.Println(err)
		return
	}

	secret, err := sealer.Open(blob, []byte("secrets/database"))
	fmt.Printf("%s, %v\n", secret, err)

	// The host hands over one blob for another.
	_, err = sealer.Open(blob, []byte("secrets/website"))
	fmt.Println(errors.Is(err, sealing.ErrOpen))
	// Output:
	// a secret, <nil>
	// true
}

// Builds below security version 5 turned out to leak their keys: what claims to
// be sealed by them may be anybody's.
func ExampleSealer_minSVN() {
	platform := newCPU()
	platform.level.SVN = 4
	old, err := sealing.New(platform, sealing.ToSigner).Seal([]byte("a secret"), nil)
	if err != nil {
		fmt.Println(err)
		return
	}

	platform.level.SVN = 5
	sealer := sealing.New(platform, sealing.ToSigner)
	sealer.MinSVN = 5
	_, err = sealer.Open(old, nil)
	fmt.Println(errors.Is(err, sealing.ErrTooOld))
	// Output: true
}

func ExampleInfo() {
	blob, err := sealing.New(newCPU(), sealing.ToEnclave).Seal([]byte("a secret"), nil)
	if err != nil {
		log.Fatal(err)
	}
	header, err := sealing.Info(blob)
	if err != nil {
		log.Fatal(err)
	}
	size, _, err := header.Size(int64(len(blob)))
	fmt.Println(header.Binding, header.Level.Source, header.Level.SVN, size, err)
	// Output: ToEnclave SourceCPU 5 8 <nil>
}

// A backup of any size passes through 1 MiB of memory.
func ExampleSealer_NewWriter() {
	sealer := sealing.New(newCPU(), sealing.ToSigner)
	var disk bytes.Buffer
	w, err := sealer.NewWriter(&disk, []byte("backup of Monday"))
	if err != nil {
		log.Fatal(err)
	}
	if _, err := io.Copy(w, bytes.NewReader(make([]byte, 1_000_000))); err != nil {
		log.Fatal(err)
	}
	if err := w.Close(); err != nil { // without it, the blob is cut short
		log.Fatal(err)
	}

	r, err := sealer.NewReader(&disk, []byte("backup of Monday"))
	if err != nil {
		log.Fatal(err)
	}
	n, err := io.Copy(io.Discard, r)
	fmt.Println(n, err)
	// Output: 1000000 <nil>
}

func ExampleSealer_NewReaderAt() {
	sealer := sealing.New(newCPU(), sealing.ToSigner)
	blob, err := sealer.Seal(append(make([]byte, 1_000_000), "the last words"...), nil)
	if err != nil {
		log.Fatal(err)
	}
	r, err := sealer.NewReaderAt(bytes.NewReader(blob), int64(len(blob)), nil)
	if err != nil {
		log.Fatal(err)
	}
	words := make([]byte, 14)
	_, err = r.ReadAt(words, r.Size()-14) // opens one chunk
	fmt.Printf("%s, %v\n", words, err)
	// Output: the last words, <nil>
}

func ExampleFile() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	file := &sealing.File{
		Path:   filepath.Join(dir, "database.key"),
		Name:   "database key",
		Sealer: sealing.New(newCPU(), sealing.ToSigner),
		Guard:  new(sealing.MemoryGuard), // in earnest, one outside the machine
	}
	_, err = file.Load(ctx)
	fmt.Println(errors.Is(err, sealing.ErrNoEntry))

	if err := file.Init(ctx, []byte("first key")); err != nil {
		log.Fatal(err)
	}
	if err := file.Store(ctx, []byte("second key")); err != nil {
		log.Fatal(err)
	}
	key, err := file.Load(ctx)
	fmt.Printf("%s, %v\n", key, err)
	// Output:
	// true
	// second key, <nil>
}

// After an upgrade, everything is raised to the running versions. Then the old
// ones can be refused.
func ExampleFile_Reseal() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx, platform := context.Background(), newCPU()
	file := &sealing.File{
		Path:   filepath.Join(dir, "database.key"),
		Name:   "database key",
		Sealer: sealing.New(platform, sealing.ToSigner),
	}
	if err := file.Store(ctx, []byte("a key")); err != nil {
		log.Fatal(err)
	}
	platform.level.SVN++ // the program is upgraded

	resealed, err := file.Reseal(ctx)
	fmt.Println(resealed, err)

	file.Sealer.MinSVN = platform.level.SVN
	key, err := file.Load(ctx)
	fmt.Printf("%s, %v\n", key, err)
	// Output:
	// true <nil>
	// a key, <nil>
}

// A program that used EGo's ecrypto.SealWithProductKey moves in.
func ExampleSealer_OpenEGo() {
	old, err := os.ReadFile("testdata/ego-256.sealed")
	if err != nil {
		log.Fatal(err)
	}
	sealer := sealing.New(newCPU(), sealing.ToSigner)
	secret, err := sealer.OpenEGo(old, []byte("golden"))
	if err != nil {
		log.Fatal(err)
	}
	blob, err := sealer.Seal(secret, []byte("database key"))
	fmt.Printf("%s, %d bytes, %v\n", secret, len(blob), err)
	// Output: sealed by EGo, 221 bytes, <nil>
}
