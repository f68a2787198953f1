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
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/internal/sim/door"
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
	eachDoor(t, func(t by) {
		for _, args := range [][]string{{"storm", "8", "20"}, {"environ"}} {
			out, err := supervisor(t, ordinary(), "", append([]string{probe()}, args...)...).Output()
			if err != nil || string(out) != "intact" && string(out) != "[]" {
				t.Errorf("%s: %s, %v", args, out, err)
			}
		}
	})
}

// Where one door is shut the other serves; the system's profile is the row.
func TestTheDoorThatServes(t *testing.T) {
	for name, test := range map[string]struct {
		profile string
		want    string
	}{
		"an indifferent profile":     {deny(unix.SYS_SYSLOG, unix.EPERM), "notify intact"},
		"Docker's, EPERM":            {dockerEPERM, "trap intact"},
		"Docker's, ENOSYS":           {dockerENOSYS, "trap intact"},
		"Linux 5.15":                 {linux515, "trap intact"},
		"another listener":           {withListener, "trap intact"},
		"the first call is denied":   {deny(1000, unix.EPERM), "trap intact"},
		"the last call is denied":    {deny(1009, unix.ENOSYS), "trap intact"},
		"a call that returns zero":   {deny(1005, 0), "trap intact"},
		"reading memory is denied":   {deny(unix.SYS_PROCESS_VM_READV, unix.EPERM), "notify intact"},
		"writing memory is not made": {deny(unix.SYS_PROCESS_VM_WRITEV, unix.ENOSYS), "notify intact"},
	} {
		for _, uid := range []uint32{0, ordinary()} {
			out, _ := supervisor(t, uid, test.profile, probe(), "storm", "8", "20").Output()
			if string(out) != test.want {
				t.Errorf("%s, as %d: %.500s, want %s", name, uid, out, test.want)
			}
		}
	}
}

// Descriptors are closed one by one if they must.
func TestClosingWithoutRange(t *testing.T) {
	for _, profile := range []string{deny(unix.SYS_CLOSE_RANGE, unix.ENOSYS), deny(unix.SYS_CLOSE_RANGE, unix.EPERM)} {
		eachDoor(t, func(t by) {
			cmd := supervisor(t, ordinary(), profile, probe(), "descriptors")
			cmd.ExtraFiles = []*os.File{os.Stdin, os.Stdin} // and would be by its child
			if out, err := cmd.Output(); err != nil || len(out) > 0 {
				t.Errorf("%s, %v", out, err)
			}
		})
	}
}

// What the system denies, and what is said about it.
func TestUnavailable(t *testing.T) {
	unreadable := copyProbe(t, "unreadable", 0o111)
	const gone = "unavailable door: runtime calls cannot be served here: "
	for name, test := range map[string]struct {
		door    door.Door
		profile string
		path    string
		want    string
	}{
		"a call, by Docker":            {door.Notify, dockerENOSYS, probe(), gone + "call 1000 does not arrive: another seccomp filter answers first"},
		"the last call":                {door.Notify, deny(1009, unix.ENOSYS), probe(), gone + "call 1009 does not arrive"},
		"the first call":               {door.Notify, deny(1000, unix.EPERM), probe(), "seccomp=unconfined"},
		"seccomp":                      {door.Any, deny(unix.SYS_SECCOMP, unix.EPERM), probe(), "seccomp=unconfined: operation not permitted; nor by traps: seccomp(2) was refused"},
		"the flag":                     {door.Notify, linux515, probe(), gone + "the kernel is older than 5.19"},
		"all flags":                    {door.Any, deny(unix.SYS_SECCOMP, unix.EINVAL), probe(), "5.19 or built without CONFIG_SECCOMP_FILTER: invalid argument; nor by traps"},
		"no seccomp":                   {door.Any, deny(unix.SYS_SECCOMP, unix.ENOSYS), probe(), "gVisor"},
		"another listener":             {door.Notify, withListener, probe(), "one; start it outside"},
		"no_new_privs":                 {door.Any, deny(unix.SYS_PRCTL, unix.EPERM), probe(), "PR_SET_NO_NEW_PRIVS was refused"},
		"ptrace":                       {door.Any, deny(unix.SYS_PTRACE, unix.EPERM), probe(), gone + "the child may not be traced; run it outside of strace -f"},
		"no ptrace":                    {door.Any, deny(unix.SYS_PTRACE, unix.ENOSYS), probe(), gone + "the child may not be traced; "},
		"ptrace, by traps":             {door.Trap, deny(unix.SYS_PTRACE, unix.EPERM), probe(), gone + "the child may not be traced; "},
		"a program that is unreadable": {door.Any, "", unreadable, "must be readable"},
		"that, by traps":               {door.Trap, "", unreadable, "must be readable"},
		"that, and ptrace":             {door.Any, deny(unix.SYS_PTRACE, unix.EPERM), unreadable, "unavailable"},
	} {
		out, _ := supervisor(by{t, test.door}, ordinary(), test.profile, test.path, "storm", "4", "5").Output()
		if !strings.Contains(string(out), test.want) || strings.Contains(string(out), "leaves a process") {
			t.Errorf("%s denied: %.500s", name, out)
		}
	}
}

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

// Under a tracer that follows its children nothing is started.
func TestUnderStrace(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("no strace")
	}
	eachDoor(t, func(t by) {
		cmd := supervisor(t, 0, "", probe(), "call", "1000")
		cmd.Path, cmd.Args = strace, append([]string{"strace", "-f", "-e", "trace=none", "-o", "/dev/null"}, cmd.Args...)
		out, err := cmd.Output()
		if strings.HasPrefix(string(out), "unavailable door: ") && strings.Contains(string(out), "run it outside of strace -f") && !strings.Contains(string(out), "leaves a process") {
			return
		}
		t.Errorf("%s, %v", out, err)
	})
}

// A program cannot give up being traceable.
func TestShutMemory(t *testing.T) {
	eachDoor(t, func(t by) {
		out, err := run(t, serve, "shut")
		if err != nil || out != "function not implemented" {
			t.Errorf("%.500s, %v", out, err)
		}
	})
}

// A 32-bit program's calls have other numbers: it is not started.
func TestOtherArchitecture(t *testing.T) {
	exe := filepath.Join(workDir, "i386")
	if err := os.WriteFile(exe, elf386(), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, d := range []door.Door{door.Notify, door.Trap} {
		out, err := supervisor(by{t, d}, ordinary(), "", exe, "x").Output()
		if strings.Contains(string(out), "exec format error") {
			t.Skip("the kernel has no 32-bit programs")
		}
		if err != nil || string(out) != "door: not a 64-bit program" {
			t.Errorf("traced: %s, %v", out, err)
		}
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

// The program must be gone, and must not have seen an answer of the kernel's or
// of nobody's, when the process that answers it is killed, at rest or with
// calls unanswered, in whatever order that process's threads and descriptors go.
func TestSupervisorKilled(t *testing.T) {
	rounds, _ := strconv.Atoi(os.Getenv("DOOR_ROUNDS"))
	if rounds == 0 {
		rounds = 25
	}
	if testing.Short() {
		rounds = 3
	}
	eachDoor(t, func(t by) {
		for range rounds {
			killSupervisor(t, "", "busy")
			killSupervisor(t, "", "idle")
		}
	})
}

func TestSupervisorKilledUnderDocker(t *testing.T) {
	for range 5 {
		killSupervisor(by{t, door.Any}, dockerENOSYS, "busy")
	}
}

func killSupervisor(t by, profile, mode string) {
	t.Helper()
	note := filepath.Join(t.TempDir(), "note")
	unwritten := make([]byte, 4096)
	if err := os.WriteFile(note, unwritten, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := supervisor(t, 0, profile, probe(), "hammer", note, fmt.Sprint(noteAddr), mode)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid, ready := 0, false
	for lines := bufio.NewScanner(stdout); (pid == 0 || !ready) && lines.Scan(); {
		if lines.Text() == "ready" {
			ready = true
		} else if pid, err = strconv.Atoi(lines.Text()); err != nil {
			t.Fatal(lines.Text())
		}
	}
	if pid == 0 || !ready {
		t.Fatal("the child did not begin")
	}
	time.Sleep(time.Duration(rand.IntN(5000)) * time.Microsecond)
	cmd.Process.Kill()
	cmd.Wait() // until both have closed their output
	eventually(t, "the child lives on", func() bool { return !alive(pid) })
	if seen, err := os.ReadFile(note); err != nil || !bytes.Equal(seen, unwritten) {
		t.Errorf("the child went on after a call that the host did not answer, answer and errno by thread: %d; %v", seen[:8], err)
	}
}

// noteAddr is where the hammering child finds its note, a page.
const noteAddr = 0x1000_0000_0000

// mapNote maps a file there.
func mapNote(file string) func(*door.Stopped) error {
	return func(s *door.Stopped) error {
		m := &mover{stopped: s}
		fd := m.call(unix.SYS_OPEN, file, unix.O_RDWR, 0)
		m.call(unix.SYS_MMAP, noteAddr, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_FIXED, int(fd), 0)
		return m.err
	}
}

// alive reports whether a process is more than a zombie.
func alive(pid int) bool { s := state(pid); return s != 0 && s != 'Z' && s != 'X' }

// state is that of a process's first thread, as in proc_pid_stat(5), or zero.
func state(pid int) byte {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if i := bytes.LastIndexByte(b, ')'); i >= 0 && i+2 < len(b) {
		return b[i+2]
	}
	return 0
}
