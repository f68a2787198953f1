package main

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// tick makes a call every millisecond, for ever.
func tick([]string) {
	for {
		syscall.Syscall(1000, 0, 0, 0)
		time.Sleep(time.Millisecond)
	}
}

// lonely has one thread in a call that is not answered, and many calls from
// others; then it waits for its end.
func lonely([]string) {
	go syscall.Syscall(1000, 0, 0, 0)
	for range 100 {
		if r, _, errno := syscall.Syscall(1001, 0, 0, 0); r != 1 || errno != 0 {
			panic(fmt.Sprint(r, errno))
		}
	}
	fmt.Println("ready")
	select {}
}

// fuzz makes calls with random arguments, of which some point to memory that
// is there.
func fuzz(args []string) {
	seed, _ := strconv.ParseUint(args[0], 0, 64)
	n, _ := strconv.Atoi(args[1])
	const threads = 4
	var wg sync.WaitGroup
	for g := range uint64(threads) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, g))
			room := make([]byte, 1<<16)
			base := uint64(uintptr(unsafe.Pointer(&room[0])))
			for range n / threads {
				var a [6]uintptr
				for i := range a {
					a[i] = uintptr(argument(r, base, uint64(len(room))))
				}
				result, _, errno := syscall.Syscall6(uintptr(1000+r.IntN(10)), a[0], a[1], a[2], a[3], a[4], a[5])
				if result != 5 || errno != 0 {
					panic(fmt.Sprint(result, errno))
				}
			}
			runtime.KeepAlive(room)
		})
	}
	wg.Wait()
	fmt.Print("survived")
}

// argument never is an address of memory but of the room's first half, from
// where what the host writes stays in it.
func argument(r *rand.Rand, base, size uint64) uint64 {
	switch r.IntN(6) {
	case 0:
		return 0
	case 1:
		return uint64(r.IntN(int(size / 2)))
	case 2:
		return r.Uint64() | 1<<63
	case 3:
		return 1<<64 - 1 - uint64(r.IntN(5000))
	case 4:
		return 1 << r.IntN(23)
	}
	return base + uint64(r.IntN(int(size/2)))
}

// threads starts threads that make a call and end, and then makes another.
func threads(args []string) {
	n, _ := strconv.Atoi(args[0])
	for range n {
		done := make(chan struct{})
		go func() {
			runtime.LockOSThread() // and never unlocks
			syscall.Syscall(1001, 0, 0, 0)
			close(done)
		}()
		<-done
	}
	syscall.Syscall(1000, 0, 0, 0)
}
