package sealing_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/rpc"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/sealing"
)

var kills = flag.Int("kills", 60, "how many writers to kill")

const roleVariable = "SEALING_TEST_ROLE"

// roles are what the test binary plays in a process of its own.
var roles = map[string]func(){"writer": writeUntilKilled, "fips": sealOnlyApproved}

func TestMain(m *testing.M) {
	if role, ok := roles[os.Getenv(roleVariable)]; ok {
		role()
		return
	}
	os.Exit(m.Run())
}

// play returns the command that plays a role.
func play(t testing.TB, role string, environment ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(append(os.Environ(), roleVariable+"="+role), environment...)
	return cmd
}

// numbered is content number n, whose size differs from the next one's.
func numbered(n uint64) []byte {
	b := pattern(int(n*7919%200_000) + 16)
	binary.LittleEndian.PutUint64(b, n)
	binary.LittleEndian.PutUint64(b[8:], uint64(len(b)))
	return b
}

// numberOf returns the number of a content, if it is one.
func numberOf(b []byte) (uint64, error) {
	if len(b) < 16 {
		return 0, fmt.Errorf("%d bytes", len(b))
	}
	n := binary.LittleEndian.Uint64(b)
	if !bytes.Equal(b, numbered(n)) {
		return n, fmt.Errorf("not quite number %d", n)
	}
	return n, nil
}

// writeUntilKilled stores one content after the other, and says which it has
// stored.
func writeUntilKilled() {
	f := &sealing.File{Path: os.Getenv("WRITER_PATH"), Name: "killed", Sealer: sealing.New(newCPU(), sealing.ToSigner)}
	if address := os.Getenv("WRITER_GUARD"); address != "" {
		f.Guard = must(dialGuard(address))
	}
	next := must(strconv.ParseUint(os.Getenv("WRITER_NEXT"), 10, 64))
	fmt.Println("ready")
	for ; ; next++ {
		check(f.Store(context.Background(), numbered(next)))
		fmt.Println(next)
	}
}

// A writer is killed at any instant, in the midst of what it tells its guard
// too. What it has said to be stored is there, or what it was about to store.
func TestKilledWriter(t *testing.T) {
	for _, guarded := range []bool{false, true} {
		t.Run(fmt.Sprintf("guard %v", guarded), func(t *testing.T) {
			f := newFile(t, nil)
			f.Name = "killed"
			if err := f.Store(t.Context(), numbered(0)); err != nil {
				t.Fatal(err)
			}
			var environment []string
			if guarded {
				g := new(sealing.MemoryGuard)
				f.Guard = g
				environment = append(environment, "WRITER_GUARD="+serveGuard(t, g))
				if err := errors.Join(os.Remove(f.Path), f.Init(t.Context(), numbered(0))); err != nil {
					t.Fatal(err)
				}
			}
			var stored, unsaid int
			at := uint64(0)
			for range *kills / 2 {
				last := killWriter(t, f, at, environment...)
				got, err := f.Load(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				n, err := numberOf(got)
				if err != nil || n != last && n != last+1 {
					t.Fatalf("said to be stored was %d, there is %d, %v", last, n, err)
				}
				stored += int(last - at)
				unsaid += int(n - last)
				at = n
			}
			if stored == 0 {
				t.Error("nothing was ever stored")
			}
			t.Logf("%d killed after %d contents; %d times the next was there already", *kills/2, stored, unsaid)
			if err := errors.Join(f.Store(t.Context(), nil), f.Store(t.Context(), nil)); err != nil {
				t.Fatal(err)
			}
			if all := files(t, f); len(all) != 1 {
				t.Errorf("%d files are left", len(all))
			}
		})
	}
}

// killWriter has a writer go on after number at, kills it after a while, and
// returns the last number that it said was stored.
func killWriter(t *testing.T, f *sealing.File, at uint64, environment ...string) (last uint64) {
	t.Helper()
	cmd := play(t, "writer", append(environment, "WRITER_PATH="+f.Path, fmt.Sprint("WRITER_NEXT=", at+1))...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	if line, err := lines.ReadString('\n'); line != "ready\n" {
		t.Fatalf("%q, %v: %s", line, err, stderr.String())
	}
	time.Sleep(rand.N(12 * time.Millisecond))
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(lines)
	cmd.Wait()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	last = at
	for line := range strings.Lines(string(said)) {
		if number, whole := strings.CutSuffix(line, "\n"); whole {
			if last, err = strconv.ParseUint(number, 10, 64); err != nil {
				t.Fatal(err)
			}
		}
	}
	return last
}

// guardService is a Guard that other processes can reach.
type guardService struct{ guard sealing.Guard }

// GuardCall is exported for package rpc.
type GuardCall struct {
	Name     string
	Old, New sealing.Version
}

func (s *guardService) Current(c GuardCall, v *sealing.Version) (err error) {
	*v, err = s.guard.Current(context.Background(), c.Name)
	return err
}

func (s *guardService) Advance(c GuardCall, conflict *bool) error {
	err := s.guard.Advance(context.Background(), c.Name, c.Old, c.New)
	if *conflict = errors.Is(err, sealing.ErrConflict); *conflict {
		return nil
	}
	return err
}

func serveGuard(t *testing.T, g sealing.Guard) (address string) {
	t.Helper()
	address = filepath.Join(t.TempDir(), "g")
	l, err := net.Listen("unix", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	server := rpc.NewServer()
	if err := server.RegisterName("Guard", &guardService{g}); err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed
			}
			go server.ServeConn(conn)
		}
	}()
	return address
}

type guardClient struct{ client *rpc.Client }

func dialGuard(address string) (guardClient, error) {
	c, err := rpc.Dial("unix", address)
	return guardClient{c}, err
}

func (g guardClient) Current(_ context.Context, name string) (v sealing.Version, err error) {
	return v, g.client.Call("Guard.Current", GuardCall{Name: name}, &v)
}

func (g guardClient) Advance(_ context.Context, name string, old, new sealing.Version) error {
	var conflict bool
	if err := g.client.Call("Guard.Advance", GuardCall{name, old, new}, &conflict); err != nil || !conflict {
		return err
	}
	return sealing.ErrConflict
}
