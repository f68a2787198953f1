package host

import (
	"io"
	"os"
)

// delayed stands between a reader and the standard input of a process that may
// have to be started more than once: nothing is read before it runs.
type delayed struct {
	from    io.Reader // nil if nothing is delayed
	in, out *os.File  // a pipe
}

// delay returns what a process takes as its standard input in place of in.
func delay(in io.Reader) (*delayed, io.Reader, error) {
	if _, file := in.(*os.File); in == nil || file {
		return &delayed{}, in, nil
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	return &delayed{in, r, w}, r, nil
}

// release begins to read, if the process runs, until one of them has ended.
func (d *delayed) release(running bool) {
	if d.from == nil {
		return
	}
	d.in.Close()
	if !running {
		d.out.Close()
		return
	}
	go func() {
		defer d.out.Close()
		io.Copy(d.out, d.from) // what fails, fails because the process has ended
	}()
}
