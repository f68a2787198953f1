package main

import (
	"bytes"
	"log/slog"
	"sync"
)

// maxLine is where a line of the trusted half's is cut in two, in bytes.
const maxLine = 4 << 10

// lines writes what the trusted half prints to the log.
type lines struct {
	log  *slog.Logger
	from string

	mu   sync.Mutex
	rest []byte // of a line that has no end yet
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, p...)
	for {
		end := bytes.IndexByte(l.rest, '\n')
		switch {
		case end < 0 && len(l.rest) < maxLine:
			return len(p), nil
		case end < 0 || end > maxLine:
			end = maxLine
		}
		l.print(l.rest[:end])
		l.rest = bytes.TrimPrefix(l.rest[end:], []byte("\n"))
	}
}

// end writes what there is of a line without an end, as the last one may be of
// a trusted half that died of it.
func (l *lines) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.rest) > 0 {
		l.print(l.rest)
	}
	l.rest = nil
}

func (l *lines) print(line []byte) {
	l.log.Info("the trusted half printed", "from", l.from, "line", string(line))
}
