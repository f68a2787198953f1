package door

// Stopped is a child that stands before its first instruction, in a new
// program, with its descriptors, its working directory and its namespaces as
// they were inherited. It is for the Prepare that it was given to, and gone
// when that returns.
type Stopped struct {
	pid     int
	call    func(number uint64, args ...uint64) (uint64, error)
	memory  caller
	scratch span // what Bytes has left
}

// Pid is the child's process id, also where it has another in its own
// namespace. What Prepare cannot do by Call it may do in /proc/PID/root and
// other places, as the process that it runs in.
func (s *Stopped) Pid() int { return s.pid }

// Call has the child make a system call, and takes a few microseconds. A
// failure of the call is returned as its syscall.Errno.
func (s *Stopped) Call(number uintptr, args ...uint64) (uint64, error) {
	return s.call(uint64(number), args...)
}

// Bytes leaves a copy of b in memory of the child, at an address divisible by
// 16 and with a zero byte behind it, as C wants its strings. The memory is
// wiped when Prepare has returned. There is room for 4 MB less a page in all;
// beyond, the error is ErrExhausted.
func (s *Stopped) Bytes(b []byte) (uint64, error) {
	addr := s.scratch.start
	size := (uint64(len(b)) + alignment) &^ (alignment - 1) // never nothing
	if size > s.scratch.size {
		return 0, ErrExhausted
	}
	s.scratch = span{addr + size, s.scratch.size - size}
	if len(b) == 0 {
		return addr, nil
	}
	return addr, s.memory.write(addr, b)
}
