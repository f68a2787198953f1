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
// taken out of it, because there is room now. So what came is only looked at, and
// taken out once it was answered, when the other end is awake anyway.
type polling struct {
	most    time.Duration // 0: never
	active  bool
	since   time.Time
	vain    int // times in a row
	leave   int // times to leave out
	looked  int // bytes still to be taken out
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
	return polling{most: most, scratch: make([]byte, readBuffer)}
}

// begins reports whether to poll, now that something came.
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
	p.active, p.since = true, time.Now()
	runtime.Gosched() // whoever answers goes first
	return true
}

// goesOn reports whether to read again, as nothing came yet.
func (p *polling) goesOn() bool {
	if !p.active {
		return false
	}
	if time.Since(p.since) < p.most {
		runtime.Gosched()
		return true
	}
	p.vain = min(p.vain+1, vainAtMost)
	p.active, p.leave = false, 1<<max(p.vain-vainBefore, 0)-1
	return false
}

// read is readNow, but where begins will be asked next, the kernel still has
// what came until the time after that.
func (p *polling) read(fd uintptr, b []byte, long bool) (n int, err error) {
	full := p.looked > 0 && p.looked == len(p.scratch)
	if err := p.takeOut(fd); err != nil {
		return 0, err
	}
	if p.most == 0 || p.leave > 0 || long || full {
		return readNow(fd, b)
	}
	n, p.looked, err = peekNow(fd, b[:min(len(b), len(p.scratch))])
	return n, err
}

func (p *polling) takeOut(fd uintptr) error {
	for p.looked > 0 {
		n, err := readNow(fd, p.scratch[:p.looked])
		if err != nil {
			return err
		}
		if n <= 0 {
			return io.ErrUnexpectedEOF
		}
		p.looked -= n
	}
	return nil
}
