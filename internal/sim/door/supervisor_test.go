//go:build linux && amd64

package door_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const nobody = 65534

// ordinary is a user without rights: this one, or nobody if this is root.
func ordinary() uint32 {
	if os.Getuid() == 0 {
		return nobody
	}
	return 0
}

func TestOrdinaryUser(t *testing.T) {
	for _, args := range [][]string{{"storm", "8", "20"}, {"environ"}} {
		out, err := supervisor(t, ordinary(), "", append([]string{probe()}, args...)...).Output()
		if err != nil || string(out) != "intact" && string(out) != "[]" {
			t.Errorf("%s: %s, %v", args, out, err)
		}
	}
}

// What the system denies, and what comes of it.
func TestUnavailable(t *testing.T) {
	unreadable := copyProbe(t, "unreadable", 0o111)
	for name, test := range map[string]struct {
		deny string // call:errno
		path string
		want string
	}{
		"nothing":                      {"", probe(), "intact"},
		"the last call, by a profile":  {deny(1009, unix.ENOSYS), probe(), "unavailable door: runtime calls cannot be served here: call 1009 does not arrive"},
		"the first call, by a profile": {deny(1000, unix.EPERM), probe(), "seccomp=unconfined"},
		"seccomp, by a profile":        {deny(unix.SYS_SECCOMP, unix.EPERM), probe(), "seccomp=unconfined"},
		"an old kernel":                {deny(unix.SYS_SECCOMP, unix.EINVAL), probe(), "Linux 5.19"},
		"no seccomp":                   {deny(unix.SYS_SECCOMP, unix.ENOSYS), probe(), "gVisor"},
		"another listener":             {"listener:0", probe(), "one; start it outside"},
		"no_new_privs":                 {deny(unix.SYS_PRCTL, unix.EPERM), probe(), "PR_SET_NO_NEW_PRIVS was refused"},
		"reading memory":               {deny(unix.SYS_PROCESS_VM_READV, unix.EPERM), probe(), "unavailable door: runtime calls cannot be served here: the child's memory"},
		"writing memory":               {deny(unix.SYS_PROCESS_VM_WRITEV, unix.EPERM), probe(), "unavailable door: runtime calls cannot be served here: the child's memory"},
		"ptrace":                       {deny(unix.SYS_PTRACE, unix.EPERM), probe(), "intact"},
		"a program that is unreadable": {"", unreadable, "must be readable"},
		"that, and ptrace":             {deny(unix.SYS_PTRACE, unix.EPERM), unreadable, "unavailable"},
		"closing in the child":         {deny(unix.SYS_CLOSE_RANGE, unix.EPERM), probe(), "close_range in the child: operation not permitted"},
	} {
		out, _ := supervisor(t, ordinary(), test.deny, test.path, "storm", "4", "5").Output()
		if !strings.Contains(string(out), test.want) || strings.Contains(string(out), "leaves a process") {
			t.Errorf("%s denied: %.500s", name, out)
		}
	}
}

func deny(number int, errno syscall.Errno) string { return fmt.Sprintf("%d:%d", number, int(errno)) }

func copyProbe(t *testing.T, name string, mode fs.FileMode) string {
	t.Helper()
	b, err := os.ReadFile(probe())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(workDir, name)
	if err := os.WriteFile(file, b, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, mode); err != nil {
		t.Fatal(err)
	}
	return file
}

// Without ptrace results are left in the environment's memory.
func TestUntraced(t *testing.T) {
	noTrace := deny(unix.SYS_PTRACE, unix.EPERM)
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"many goroutines":      {[]string{"storm", "64", "30"}, "intact"},
		"an empty environment": {[]string{"environ"}, `["=0="]`},
		"another program":      {[]string{"reexec", "storm", "1", "1"}, "panic: call 1000: 7"}, // its memory is unknown
		"a descendant":         {[]string{"spawn", "storm", "1", "1"}, "panic: call 1000: 7"},
	} {
		out, err := supervisor(t, ordinary(), noTrace, append([]string{probe()}, test.args...)...).Output()
		if err != nil || !strings.Contains(string(out), test.want) {
			t.Errorf("%s: %.500s, %v", name, out, err)
		}
	}
}

// A program that gives up being traceable gets errors, not zeros.
func TestShutMemory(t *testing.T) {
	out, err := supervisor(t, ordinary(), "", probe(), "shut").Output()
	if err != nil || !strings.Contains(string(out), "panic: call 1000: 3") {
		t.Errorf("%.500s, %v", out, err)
	}
}

// A 32-bit program's calls have other numbers: it is not started, and where
// that cannot be told in time it dies of its first call.
func TestOtherArchitecture(t *testing.T) {
	exe := filepath.Join(workDir, "i386")
	if err := os.WriteFile(exe, elf386(), 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := supervisor(t, ordinary(), "", exe, "x").Output()
	if strings.Contains(string(out), "exec format error") {
		t.Skip("the kernel has no 32-bit programs")
	}
	if err != nil || string(out) != "door: not a 64-bit program" {
		t.Errorf("traced: %s, %v", out, err)
	}
	out, err = supervisor(t, ordinary(), deny(unix.SYS_PTRACE, unix.EPERM), exe, "x").Output()
	if err != nil || string(out) != " signal: bad system call" {
		t.Errorf("untraced: %s, %v", out, err)
	}
}

// elf386 is a program that calls number 1000, by int 0x80, and exits 0.
func elf386() []byte {
	const base, header = 0x8048000, 52 + 32
	code := []byte{
		0xb8, 0xe8, 0x03, 0, 0, 0xcd, 0x80, // mov $1000, %eax; int $0x80
		0xb8, 1, 0, 0, 0, 0x31, 0xdb, 0xcd, 0x80, // mov $1, %eax; xor %ebx, %ebx; int $0x80
	}
	size := uint32(header + len(code))
	b := append([]byte("\x7fELF\x01\x01\x01"), make([]byte, 9)...)
	for _, v := range []uint16{2, 3} { // executable, for the 386
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	for _, v := range []uint32{1, base + header, 52, 0, 0} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	for _, v := range []uint16{52, 32, 1, 0, 0, 0} {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	for _, v := range []uint32{1, 0, base, base, size, size, 5, 0x1000} { // one segment, to read and execute
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return append(b, code...)
}

// The program must be gone, and must not have seen an answer of the kernel's,
// when the process that answers it is killed, in whatever order that process's
// threads and descriptors go.
func TestSupervisorKilled(t *testing.T) {
	rounds := 40
	if testing.Short() {
		rounds = 5
	}
	for range rounds {
		killSupervisor(t, "")
	}
}

func TestSupervisorKilledUntraced(t *testing.T) {
	for range 5 {
		killSupervisor(t, deny(unix.SYS_PTRACE, unix.EPERM))
	}
}

func killSupervisor(t *testing.T, deny string) {
	t.Helper()
	note := filepath.Join(t.TempDir(), "note")
	unwritten := make([]byte, 4096)
	if err := os.WriteFile(note, unwritten, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := supervisor(t, 0, deny, probe(), "hammer", note)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := 0
	lines := bufio.NewScanner(stdout)
	for ready := false; (pid == 0 || !ready) && lines.Scan(); {
		if lines.Text() == "ready" {
			ready = true
		} else {
			pid, _ = strconv.Atoi(lines.Text())
		}
	}
	time.Sleep(time.Duration(rand.IntN(5000)) * time.Microsecond)
	cmd.Process.Kill()
	cmd.Wait() // until both have closed their output
	for begin := time.Now(); alive(pid); time.Sleep(time.Millisecond) {
		if time.Since(begin) > 5*time.Second {
			t.Fatal("the child lives on")
		}
	}
	if seen, err := os.ReadFile(note); err != nil || !bytes.Equal(seen, unwritten) {
		t.Errorf("the child went on after a call that the host did not answer, errno by thread: %d; %v", seen[:4], err)
	}
}

// alive reports whether a process is more than a zombie.
func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !bytes.Contains(b, []byte(") Z"))
}
