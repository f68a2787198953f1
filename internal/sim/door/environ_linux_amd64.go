package door

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// envTail is the arena of a child that may not be traced: variables at the end
// of its environment that nobody reads, filled to the length the kernel allows.
// Their names are empty, which os/exec passes on, C never asks for, and a Go
// program drops, being duplicates, all but the first and short one.
type envTail struct{ mark string }

const (
	envStrings = 4
	envLength  = 128<<10 - 1 // MAX_ARG_STRLEN without the zero byte
)

func newEnvTail() *envTail { return &envTail{rand.Text()} }

func (t *envTail) variables() []string {
	out := []string{"=0="}
	for i := range envStrings {
		head := t.head(i)
		out = append(out, head+strings.Repeat("-", envLength-len(head)))
	}
	return out
}

func (t *envTail) head(i int) string { return fmt.Sprintf("=%d=%s", i+1, t.mark) }

// furnish makes an arena of the variables' values in a running child. One that
// has ended already needs none.
func (t *envTail) furnish(pid int) (*arena, error) {
	a, err := t.find(pid)
	// A process is under way to its new program for a moment.
	for range 500 {
		if err == nil || ended(pid) {
			break
		}
		time.Sleep(time.Millisecond)
		a, err = t.find(pid)
	}
	if err != nil && ended(pid) {
		return &arena{blocks: newBlocks()}, nil
	}
	return a, err
}

func (t *envTail) find(pid int) (*arena, error) {
	block, err := envBlock(pid)
	if err != nil {
		return nil, unavailable("the child may not be traced, nor its environment found in /proc", err)
	}
	b := make([]byte, block.size)
	if err := process(pid).read(block.start, b); err != nil {
		return nil, untraceable(err)
	}
	var spans []span
	for i := range envStrings {
		at := bytes.Index(b, []byte(t.head(i)))
		if at < 0 || len(b)-at < envLength {
			return nil, unavailable("the child may not be traced, and its environment is not where /proc says", nil)
		}
		head := len(t.head(i))
		spans = append(spans, span{block.start + uint64(at+head), uint64(envLength - head)})
	}
	a, err := newArena(process(pid), spans...)
	return a, untraceable(err)
}

var errStat = errors.New("no bounds in /proc/PID/stat")

// envBlock reads env_start and env_end, fields 50 and 51 of proc_pid_stat(5).
// They are zero to those who may not trace the child, and while its program
// is being loaded.
func envBlock(pid int) (span, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return span{}, err
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:])) // from field 3
	if len(fields) < 49 {
		return span{}, errStat
	}
	start, err1 := strconv.ParseUint(fields[47], 10, 64)
	end, err2 := strconv.ParseUint(fields[48], 10, 64)
	if err1 != nil || err2 != nil || start == 0 || end <= start || end-start > MaxTransfer {
		return span{}, errStat
	}
	return span{start, end - start}, nil
}
