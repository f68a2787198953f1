package ocall

import (
	"io"
	"runtime"
	"time"
)

// polling is to read again and again, for a short time after something came,
// instead of having the kernel wake the reader: see Mux.BusyPoll. When that was
// in vain, it is left out the next time, and the more often in a row the longer.
//
// A unix socket wakes whoever waits at its other end each time that something is
// taken out of it, because there is room now. So what came is only peeked at, and
// taken out once it was answered, when the other end is awake anyway.
type polling struct {
	most    time.Duration // 0: never
	single  bool          // goroutines have one thread
	active  bool
	since   time.Time // something came
	vain    int       // times in a row
	leave   int       // times to leave out
	peeked  int       // bytes still to be taken out
	scratch []byte
}

const (
	vainBefore = 3              // times in a row, before any is left out
	vainAtMost = vainBefore + 6 // then 63 of 64 are
)

func newPolling(most time.Duration) polling {
	if most <= 0 || runtime.NumCPU() == 1 { // who polls would be in the way of who is waited for
		return polling{}
	}
	return polling{most: most, single: runtime.GOMAXPROCS(0) == 1, scratch: make([]byte, readBuffer)}
}

// begins reports whether to poll, now that something came and perhaps all of it.
// After a peek it does.
func (p *polling) begins() bool {
	switch {
	case p.most == 0:
		return false
	case p.leave > 0:
		p.leave--
		return false
	case p.active:
		p.vain = 0
	}
	p.active = true
	runtime.Gosched() // whoever answers goes first
	p.since = time.Now()
	return true
}

// goesOn reports whether to read again, as nothing came yet.
func (p *polling) goesOn() bool {
	if !p.active {
		return false
	}
	if time.Since(p.since) < p.most {
		p.giveWay()
		return true
	}
	p.vain = min(p.vain+1, vainAtMost)
	p.active, p.leave = false, 1<<max(p.vain-vainBefore, 0)-1
	return false
}

// giveWay lets whoever wants the processor have it.
func (p *polling) giveWay() {
	yieldNow()
	if p.single {
		runtime.Gosched()
	}
}

// read is readNow, or a peek at 4 KiB at most, which the next read takes out.
func (p *polling) read(fd uintptr, b []byte, long bool) (n int, err error) {
	more := p.peeked > 0 && p.peeked == len(p.scratch) // most likely
	if err := p.takeOut(fd); err != nil {
		return 0, err
	}
	if p.most == 0 || p.leave > 0 || long || more {
		n, err = readNow(fd, b)
	} else {
		n, p.peeked, err = peekNow(fd, b[:min(len(b), len(p.scratch))])
	}
	if p.active && n == len(b) { // begins will not be asked
		p.since = time.Now()
	}
	return n, err
}

// takeOut ends a peek. Whoever closes a socket without tells the other end that
// something was lost.
func (p *polling) takeOut(fd uintptr) error {
	for p.peeked > 0 {
		n, err := readNow(fd, p.scratch[:p.peeked])
		if err != nil {
			return err
		}
		if n <= 0 {
			return io.ErrUnexpectedEOF
		}
		p.peeked -= n
	}
	return nil
}
