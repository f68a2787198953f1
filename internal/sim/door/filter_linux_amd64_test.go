package door

import (
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// data is struct seccomp_data, as a filter loads it: by words.
type data map[uint32]uint32

func calling(number uint32, args ...uint64) data {
	d := data{dataNumber: number, dataArch: unix.AUDIT_ARCH_X86_64}
	for i, a := range args {
		d[dataArg(uint32(i))], d[dataArg(uint32(i))+4] = uint32(a), uint32(a>>32)
	}
	return d
}

// verdict runs a filter as the kernel does.
func verdict(t *testing.T, filter []unix.SockFilter, d data) uint32 {
	var a, x uint32
	for pc := 0; pc < len(filter); pc++ {
		f := filter[pc]
		var met bool
		switch f.Code {
		case unix.BPF_RET | unix.BPF_K:
			return f.K
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			a = d[f.K]
			continue
		case unix.BPF_LD | unix.BPF_IMM:
			a = f.K
			continue
		case unix.BPF_MISC | unix.BPF_TAX:
			x = a
			continue
		case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K:
			a &= f.K
			continue
		case unix.BPF_ALU | unix.BPF_LSH | unix.BPF_X:
			a <<= x
			continue
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			met = a == f.K
		case unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K:
			met = a > f.K
		case unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K:
			met = a >= f.K
		case unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K:
			met = a&f.K != 0
		default:
			t.Fatalf("instruction %d is %#x", pc, f.Code)
		}
		if pc += int(f.Jf); met {
			pc += int(f.Jt) - int(f.Jf)
		}
	}
	t.Fatal("the filter does not end")
	return 0
}

const kill = unix.SECCOMP_RET_KILL_PROCESS

// numbers are all below 5000, and of x32 calls the same and some.
func numbers() []uint32 {
	var all []uint32
	for n := range uint32(5000) {
		all = append(all, n, n|x32Bit, n|1<<31, n|x32Bit|1<<31)
	}
	all = append(all, x32Bit-1, 1<<31-1, 1<<32-1)
	for range 1000 {
		all = append(all, rand.Uint32())
	}
	return all
}

func TestDoorFilter(t *testing.T) {
	filter := doorFilter(unix.SECCOMP_RET_TRAP)
	for _, n := range numbers() {
		want := uint32(unix.SECCOMP_RET_ALLOW)
		switch {
		case n >= x32Bit:
			want = kill
		case n >= firstCall && n <= lastCall:
			want = unix.SECCOMP_RET_TRAP
		}
		if got := verdict(t, filter, calling(n)); got != want {
			t.Fatalf("call %#x: %#x, want %#x", n, got, want)
		}
	}
	for _, n := range []uint32{0, 1, firstCall, lastCall, 4999} {
		d := calling(n)
		d[dataArch] = unix.AUDIT_ARCH_I386
		if got := verdict(t, filter, d); got != kill {
			t.Errorf("call %d of another architecture: %#x", n, got)
		}
	}
}

// What is not known to be possible is missing, whatever the kernel has.
func TestConfinement(t *testing.T) {
	const pid = 77
	filter := confinement(pid)
	if len(filter) > 4096 {
		t.Fatalf("%d instructions, and the kernel takes 4096", len(filter))
	}
	ruled := []uint32{unix.SYS_CLONE, unix.SYS_TGKILL, unix.SYS_PRLIMIT64, unix.SYS_MMAP, unix.SYS_RT_SIGACTION, unix.SYS_IOCTL, unix.SYS_FCNTL}
	for _, n := range numbers() {
		if slices.Contains(ruled, n) {
			continue
		}
		want := missing
		if n >= firstCall && n <= lastCall || slices.Contains(possible, n) {
			want = allowed
		}
		if got := verdict(t, filter, calling(n)); got != want {
			t.Fatalf("call %#x: %#x, want %#x", n, got, want)
		}
	}
	const async = unix.O_ASYNC | unix.O_NONBLOCK
	for name, row := range map[string]struct {
		call data
		want uint32
	}{
		"a thread":              {calling(unix.SYS_CLONE, unix.CLONE_THREAD|unix.CLONE_VM|unix.CLONE_SIGHAND|unix.CLONE_SETTLS), allowed},
		"a process":             {calling(unix.SYS_CLONE, uint64(unix.SIGCHLD)), missing},
		"with new mounts":       {calling(unix.SYS_CLONE, unix.CLONE_THREAD|unix.CLONE_NEWNS), missing},
		"an untraced thread":    {calling(unix.SYS_CLONE, unix.CLONE_THREAD|unix.CLONE_UNTRACED), missing},
		"a thread's signal":     {calling(unix.SYS_TGKILL, pid, 1, 9), allowed},
		"another's":             {calling(unix.SYS_TGKILL, pid+1, 1, 9), missing},
		"that of no process":    {calling(unix.SYS_TGKILL, 0, 1, 9), missing},
		"own limits":            {calling(unix.SYS_PRLIMIT64, 0), allowed},
		"those by number":       {calling(unix.SYS_PRLIMIT64, pid), missing},
		"another's, negative":   {calling(unix.SYS_PRLIMIT64, 1<<64-1), missing},
		"memory":                {calling(unix.SYS_MMAP, 0, 4096, 3, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS), allowed},
		"a shared file":         {calling(unix.SYS_MMAP, 0, 4096, 3, unix.MAP_SHARED), missing},
		"a handler":             {calling(unix.SYS_RT_SIGACTION, uint64(unix.SIGTERM), 1), ignored},
		"a handler far up":      {calling(unix.SYS_RT_SIGACTION, uint64(unix.SIGTERM), 1<<32), ignored},
		"a handler of faults":   {calling(unix.SYS_RT_SIGACTION, uint64(unix.SIGSEGV), 1), allowed},
		"a real-time signal's":  {calling(unix.SYS_RT_SIGACTION, 33, 1), allowed},
		"what handler there is": {calling(unix.SYS_RT_SIGACTION, uint64(unix.SIGTERM), 0), allowed},
		"a terminal's state":    {calling(unix.SYS_IOCTL, 0, unix.TCGETS), allowed},
		"a terminal's input":    {calling(unix.SYS_IOCTL, 0, unix.TIOCSTI), noTTY},
		"non-blocking":          {calling(unix.SYS_FCNTL, 0, unix.F_SETFL, unix.O_NONBLOCK), allowed},
		"with signals":          {calling(unix.SYS_FCNTL, 0, unix.F_SETFL, async), invalid},
		"locks":                 {calling(unix.SYS_FCNTL, 0, unix.F_SETLK, 1), allowed},
		"flags as an address":   {calling(unix.SYS_FCNTL, 0, unix.F_SETLK, async), allowed},
		"an owner":              {calling(unix.SYS_FCNTL, 0, unix.F_SETOWN, pid), invalid},
	} {
		if got := verdict(t, filter, row.call); got != row.want {
			t.Errorf("%s: %#x, want %#x", name, got, row.want)
		}
	}
}
