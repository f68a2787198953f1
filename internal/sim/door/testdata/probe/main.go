// Command probe makes runtime calls as the test that runs it asks.
package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

func main() {
	mode, args := os.Args[1], os.Args[2:]
	map[string]func([]string){
		"nothing":     func([]string) {},
		"calls":       calls,
		"call":        call,
		"storm":       storm,
		"crowd":       crowd,
		"transform":   transforms,
		"repeat":      repeat,
		"hammer":      hammer,
		"exit":        exit,
		"signals":     signals,
		"descriptors": descriptors,
		"spawn":       spawn,
		"reexec":      reexec,
		"term":        term,
		"environ":     func([]string) { fmt.Printf("%q", os.Environ()) },
		"cat":         func([]string) { io.Copy(os.Stdout, os.Stdin); fmt.Fprint(os.Stderr, "done") },
		"shut":        shut,
		"look":        look,
		"preempt":     preempt,
		"fault":       fault,
		"crash":       func([]string) { fmt.Print(**new(*int)) },
		"network":     network,
		"profile":     profile,
		"deaf":        deaf,
		"copy":        copies,
		"tick":        tick,
		"lonely":      lonely,
		"fuzz":        fuzz,
		"threads":     threads,
	}[mode](args)
}

// calls makes each call once, with arguments that tell themselves apart.
func calls([]string) {
	for n := uintptr(1000); n <= 1009; n++ {
		r, _, errno := syscall.Syscall6(n, n<<8|1, n<<8|2, n<<8|3, n<<8|4, n<<8|5, n<<8|6|1<<63)
		fmt.Println(n, r, int(errno))
	}
}

// call makes one call with the numbers of its command line.
func call(args []string) {
	var a [7]uintptr
	for i, s := range args {
		v, err := strconv.ParseUint(s, 0, 64)
		if err != nil {
			panic(err)
		}
		a[i] = uintptr(v)
	}
	r, _, errno := syscall.Syscall6(a[0], a[1], a[2], a[3], a[4], a[5], a[6])
	fmt.Println(r, int(errno))
}

// transform has the host return other bytes for data, in memory that the host
// allocates and this process gives back.
func transform(data []byte) []byte {
	var out unsafe.Pointer // written by the host
	var size uintptr
	r, _, errno := syscall.Syscall6(1000, uintptr(unsafe.Pointer(&data[0])), uintptr(len(data)), 0, 0,
		uintptr(unsafe.Pointer(&out)), uintptr(unsafe.Pointer(&size)))
	if r != 0 || errno != 0 {
		panic(fmt.Sprint("call 1000: ", r, errno))
	}
	b := bytes.Clone(unsafe.Slice((*byte)(out), size))
	if r, _, errno := syscall.Syscall(1001, uintptr(out), 0, 0); r != 0 || errno != 0 {
		panic(fmt.Sprint("call 1001: ", r, errno))
	}
	return b
}

// storm transforms in many goroutines while the collector runs.
func storm(args []string) {
	goroutines, _ := strconv.Atoi(args[0])
	rounds, _ := strconv.Atoi(args[1])
	stop := make(chan struct{})
	go func() {
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
			}
		}
	}()
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for i := range rounds {
				data := bytes.Repeat([]byte{byte(g), byte(i), byte(g * i)}, 1+(g*31+i*17)%1500)
				want := bytes.Clone(data)
				for j := range want {
					want[j] ^= 0x5a
				}
				if got := transform(data); !bytes.Equal(got, want) {
					panic("corrupted")
				}
			}
		})
	}
	wg.Wait()
	close(stop)
	fmt.Print("intact")
}

// crowd makes calls at the same time, and one more.
func crowd(args []string) {
	n, _ := strconv.Atoi(args[0])
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() { syscall.Syscall(1004, 0, 0, 0) })
	}
	wg.Wait()
	syscall.Syscall(1005, 0, 0, 0)
}

// repeat makes a cheap call many times and prints nanoseconds per call.
func repeat(args []string) {
	n, _ := strconv.Atoi(args[0])
	begin := time.Now()
	for range n {
		syscall.Syscall(1006, 0, 0, 0)
	}
	fmt.Print(time.Since(begin).Nanoseconds() / int64(n))
}

// transforms is repeat for transform.
func transforms(args []string) {
	n, _ := strconv.Atoi(args[0])
	data := make([]byte, 5000)
	begin := time.Now()
	for range n {
		transform(data)
	}
	fmt.Print(time.Since(begin).Nanoseconds() / int64(n))
}

// hammer calls without end from several threads, if it is to be busy with calls
// that are never answered among them. An answer that is not the host's it notes
// in a page of a file, by a store, since it may not have the time for more.
func hammer(args []string) {
	note := noteAt(args[1])
	busy := args[2] == "busy"
	for i := range 4 {
		number := uintptr(1000 + i)
		if !busy && number >= 1002 {
			break
		}
		go func() {
			for {
				if r, _, errno := syscall.Syscall(number, 0, 0, 0); r != 42 || errno != 0 {
					note[2*i], note[2*i+1] = byte(r)|0x80, byte(errno)
				}
				if !busy {
					time.Sleep(time.Millisecond)
				}
			}
		}()
	}
	fmt.Println("ready")
	select {}
}

// noteAt is where a file has been mapped.
func noteAt(at string) *[8]byte {
	p := uintptr(must(strconv.ParseUint(at, 0, 64)))
	return *(**[8]byte)(unsafe.Pointer(&p))
}

// exit ends while another thread is in a call.
func exit(args []string) {
	go syscall.Syscall(1000, 0, 0, 0)
	syscall.Syscall(1001, 0, 0, 0) // returns when the host has seen 1000
	status, _ := strconv.Atoi(args[0])
	os.Exit(status)
}

// signals disturbs a slow call.
func signals([]string) {
	c := make(chan os.Signal, 100)
	signal.Notify(c, syscall.SIGURG)
	runtime.LockOSThread()
	thread := syscall.Gettid()
	go func() {
		for range time.Tick(5 * time.Millisecond) {
			syscall.Tgkill(syscall.Getpid(), thread, syscall.SIGURG)
		}
	}()
	r, _, errno := syscall.Syscall(1000, 0, 0, 0)
	<-c // disturbed it was
	fmt.Println(r, int(errno))
}

// descriptors prints what is open above 2, but for what Go's runtime opens.
func descriptors([]string) {
	for fd := 3; fd < 4096; fd++ {
		if name, err := os.Readlink(fmt.Sprint("/proc/self/fd/", fd)); err == nil && !strings.HasPrefix(name, "/sys/fs/cgroup/") {
			fmt.Println(fd, name)
		}
	}
}

// spawn starts a process, itself unless told which, and prints the error.
func spawn(args []string) {
	out, err := exec.Command("/proc/self/exe", args...).CombinedOutput()
	fmt.Printf("%s%v", out, err)
}

// reexec becomes another probe.
func reexec(args []string) {
	fmt.Print(syscall.Exec("/proc/self/exe", append([]string{"probe"}, args...), os.Environ()))
}

// term waits for SIGTERM, for good.
func term([]string) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	fmt.Println("ready")
	<-c
	os.Exit(3)
}

// shut gives up being traceable and has memory transformed.
func shut([]string) {
	const setDumpable = 4
	_, _, errno := syscall.Syscall(syscall.SYS_PRCTL, setDumpable, 0, 0)
	fmt.Print(errno)
	transform(make([]byte, 16))
}

// look lists a directory and makes a call.
func look(args []string) {
	entries, err := os.ReadDir(args[0])
	for _, e := range entries {
		fmt.Print(e.Name(), " ")
	}
	dir, _ := os.Getwd()
	_, _, errno := syscall.Syscall(1001, 0, 0, 0)
	fmt.Println(err, dir, os.Getuid(), os.Getgid(), int(errno))
}
