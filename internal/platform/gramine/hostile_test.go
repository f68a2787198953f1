package gramine_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/cleave-sdk/cleave/internal/platform"
	"github.com/cleave-sdk/cleave/internal/platform/gramine"
	"github.com/cleave-sdk/cleave/internal/platform/gramine/gramtest"
	"github.com/cleave-sdk/cleave/internal/sgx"
	"github.com/cleave-sdk/cleave/internal/sim"
	"github.com/cleave-sdk/cleave/sealing"
)

const dir = "/dev/attestation"

// What is in the place of Gramine's directory is refused unless there is
// nothing at all.
func TestWhatIsNotGramine(t *testing.T) {
	for name, row := range map[string]struct {
		calls  func(*simulated) gramine.SystemCalls
		absent bool
		says   string
	}{
		"no directory":          {func(*simulated) gramine.SystemCalls { return failing{nil, dir, syscall.ENOENT} }, true, ""},
		"not to be opened":      {func(*simulated) gramine.SystemCalls { return failing{nil, dir, syscall.EACCES} }, false, "permission denied"},
		"a wrong disk":          {func(*simulated) gramine.SystemCalls { return failing{nil, dir, syscall.EIO} }, false, "input/output"},
		"no such call":          {func(*simulated) gramine.SystemCalls { return failing{nil, dir, syscall.ENOSYS} }, false, "not implemented"},
		"a mount":               {mount(dir), false, "fs.mounts"},
		"gramine-direct":        {func(s *simulated) gramine.SystemCalls { s.Type = ""; return s }, false, "gramine-sgx"},
		"a mounted type":        {mount(dir + "/attestation_type"), false, "fs.mounts"},
		"a mounted report":      {mount(dir + "/report"), false, "fs.mounts"},
		"a mounted target":      {mount(dir + "/target_info"), false, "fs.mounts"},
		"a mounted report data": {mount(dir + "/user_report_data"), false, "fs.mounts"},
		"no report":             {func(s *simulated) gramine.SystemCalls { return failing{s, dir + "/report", syscall.ENOENT} }, false, "no such file"},
		"no report to be had":   {func(s *simulated) gramine.SystemCalls { return failing{s, dir + "/report", syscall.EACCES} }, false, "permission denied"},
		"no type to be read":    {func(s *simulated) gramine.SystemCalls { return failing{s, dir + "/attestation_type", syscall.EACCES} }, false, "permission denied"},
		"a long type":           {answer("attestation_type", make([]byte, 65)), false, "more than 64"},
		"a report of nobody":    {answer("report", make([]byte, 432)), false, "measurement is zero"},
	} {
		p, err := gramine.OpenWith(row.calls(simulate(t)))
		if err == nil || p != nil || errors.Is(err, platform.ErrAbsent) != row.absent || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
}

// failing is a tree in which one name cannot be opened.
type failing struct {
	gramine.SystemCalls
	name  string
	errno syscall.Errno
}

func (f failing) Open(name string, flags int) (int, error) {
	if name == f.name {
		return -1, f.errno
	}
	return f.SystemCalls.Open(name, flags)
}

// mount has the host decide what is in a file.
func mount(name string) func(*simulated) gramine.SystemCalls {
	return func(s *simulated) gramine.SystemCalls {
		content := s.Enclave.Report(sgx.TargetInfo{}, [64]byte{})
		s.Mounted = map[string][]byte{name: content.Append(nil)}
		return s
	}
}

// answers is a tree in which a file has other content.
type answers struct {
	*simulated
	name    string
	content func(genuine []byte) []byte

	mu    sync.Mutex
	files map[int][]byte
}

func answer(name string, content []byte) func(*simulated) gramine.SystemCalls {
	return func(s *simulated) gramine.SystemCalls {
		return &answers{simulated: s, name: name, content: func([]byte) []byte { return content }}
	}
}

func (a *answers) Open(name string, flags int) (int, error) {
	fd, err := a.simulated.Open(name, flags)
	if err != nil || a.content == nil || !strings.HasSuffix(name, "/"+a.name) {
		return fd, err
	}
	genuine := make([]byte, 16<<10)
	n, err := a.simulated.Read(fd, genuine)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.files == nil {
		a.files = make(map[int][]byte)
	}
	a.files[fd] = a.content(genuine[:n])
	return fd, err
}

// Read gives a byte, then the rest: as much as a reader asks for at once is
// nobody's promise.
func (a *answers) Read(fd int, b []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	content, ok := a.files[fd]
	if !ok {
		return a.simulated.Read(fd, b)
	}
	n := copy(b[:min(len(b), 1+len(content)%7)], content)
	a.files[fd] = content[n:]
	return n, nil
}

func TestAnswersRefused(t *testing.T) {
	s := simulate(t)
	a := &answers{simulated: s}
	p := open(t, a)
	other := s.machine.Enclave(sim.Identity{MRENCLAVE: [32]byte{9}})
	otherReport := other.Report(sgx.TargetInfo{}, data)
	otherQuote, err := s.machine.Quote(other.Report(s.machine.QuotingEnclave(), data))
	if err != nil {
		t.Fatal(err)
	}
	report := func() error { _, err := p.Report(t.Context(), sgx.TargetInfo{}, data); return err }
	quote := func() error { _, err := p.Quote(t.Context(), data); return err }
	key := func() error { _, err := p.SealingKey(sealing.KeyRequest{Binding: sealing.ToSigner}); return err }
	cut := func(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:len(b)-n] } }
	grow := func(n int) func([]byte) []byte { return func(b []byte) []byte { return append(b, make([]byte, n)...) } }
	flip := func(at int) func([]byte) []byte { return func(b []byte) []byte { b[at] ^= 1; return b } }
	give := func(b []byte) func([]byte) []byte { return func([]byte) []byte { return bytes.Clone(b) } }
	for name, row := range map[string]struct {
		ask     func() error
		file    string
		content func([]byte) []byte
	}{
		"report cut":                {report, "report", cut(1)},
		"report empty":              {report, "report", cut(432)},
		"report longer":             {report, "report", grow(1)},
		"report, other data":        {report, "report", flip(320)},
		"report, other build":       {report, "report", flip(64)},
		"report, debug":             {report, "report", flip(48)},
		"report, reserved bits":     {report, "report", flip(96)},
		"report of another":         {report, "report", give(otherReport.Append(nil))},
		"quote cut":                 {quote, "quote", cut(1)},
		"quote empty":               {quote, "quote", give(nil)},
		"quote longer":              {quote, "quote", grow(1)},
		"quote too long":            {quote, "quote", grow(16 << 10)},
		"quote, other data":         {quote, "quote", flip(48 + 320)},
		"quote, other build":        {quote, "quote", flip(48 + 64)},
		"quote, other version":      {quote, "quote", flip(0)},
		"quote of another":          {quote, "quote", give(otherQuote)},
		"key cut":                   {key, "_sgx_mrsigner", cut(1)},
		"key not set":               {key, "_sgx_mrsigner", cut(16)},
		"key longer":                {key, "_sgx_mrsigner", grow(1)},
		"key of zeros":              {key, "_sgx_mrsigner", give(make([]byte, 16))},
		"type, once it is too late": {quote, "quote", give([]byte("dcap"))},
	} {
		a.name, a.content = row.file, row.content
		if err := row.ask(); err == nil || errors.Is(err, platform.ErrAbsent) || !strings.HasPrefix(err.Error(), "gramine: ") {
			t.Errorf("%s: %v", name, err)
		}
		a.content = nil
		if err := row.ask(); err != nil {
			t.Errorf("after %s: %v", name, err)
		}
	}
	if n := s.Handles(); n != 0 {
		t.Errorf("%d files are left open", n)
	}
}

// Every length of an answer but its own is refused.
func TestAnswersOfEveryLength(t *testing.T) {
	s := simulate(t)
	a := &answers{simulated: s}
	p := open(t, a)
	for n := range sgx.ReportSize {
		a.name, a.content = "report", func(b []byte) []byte { return b[:n] }
		if _, err := p.Report(t.Context(), sgx.TargetInfo{}, data); err == nil {
			t.Errorf("a report of %d bytes", n)
		}
	}
	a.content = nil
	whole, err := p.Quote(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		a.name, a.content = "quote", func(b []byte) []byte { return b[:n] }
		if _, err := p.Quote(t.Context(), data); err == nil {
			t.Errorf("a quote of %d bytes", n)
		}
	}
}

// Keys that the host can read and choose are not Gramine's.
func TestMountedKeys(t *testing.T) {
	for _, name := range []string{dir + "/keys", dir + "/keys/_sgx_mrsigner"} {
		s := simulate(t)
		p := open(t, s)
		s.Mounted = map[string][]byte{name: bytes.Repeat([]byte{7}, 16)}
		if key, err := p.SealingKey(sealing.KeyRequest{Binding: sealing.ToSigner}); err == nil || key != [16]byte{} || !strings.Contains(err.Error(), "fs.mounts") {
			t.Errorf("%s: %v", name, err)
		}
		s.Mounted = map[string][]byte{dir + "/quote": nil}
		if quote, err := p.Quote(t.Context(), data); err == nil || quote != nil {
			t.Errorf("a mounted quote: %v", err)
		}
	}
}

func TestErrorsShowNoKey(t *testing.T) {
	s := simulate(t)
	long := append(bytes.Repeat([]byte{0xAB}, 16), 0xCD)
	p := open(t, &answers{simulated: s, name: "_sgx_mrsigner", content: func([]byte) []byte { return long }})
	_, err := p.SealingKey(sealing.KeyRequest{Binding: sealing.ToSigner})
	if err == nil || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), hex.EncodeToString(long[:4])) {
		t.Error(err)
	}
}

// Two platforms in one process use one set of files, and get each their own
// answers. Without turns this fails.
func TestTurnsAreTheProcesss(t *testing.T) {
	s := simulate(t)
	near, far := open(t, s), open(t, s)
	own := s.Enclave.Body()
	var all sync.WaitGroup
	for i := range 64 {
		p := []*gramine.Platform{near, far}[i%2]
		target := []sgx.TargetInfo{{}, own.Target()}[i/2%2]
		want := [64]byte{byte(i)}
		all.Go(func() {
			for range 8 {
				r, err := p.Report(t.Context(), target, want)
				if err != nil || r.Body.ReportData != want || s.Enclave.VerifyReport(r) != (target == own.Target()) {
					t.Errorf("another's report, or %v", err)
					return
				}
				if _, err := p.Quote(t.Context(), want); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// slow is a quoting enclave that answers when it is told to.
type slow struct {
	gramtest.Quoting
	asked, answer chan struct{}
}

func (s slow) Quote(r sgx.Report) ([]byte, error) {
	s.asked <- struct{}{}
	<-s.answer
	return s.Quoting.Quote(r)
}

// Who waits for his turn need not wait for as long as a quote takes.
func TestContextEndsTheWait(t *testing.T) {
	s := simulate(t)
	quoting := slow{s.machine, make(chan struct{}), make(chan struct{})}
	s.Quoting = quoting
	p := open(t, s)
	done := make(chan error)
	go func() {
		_, err := p.Quote(t.Context(), data)
		done <- err
	}()
	<-quoting.asked
	ctx, cancel := context.WithCancel(t.Context())
	waits := make(chan error)
	go func() {
		_, err := p.Report(ctx, sgx.TargetInfo{}, data)
		waits <- err
	}()
	cancel()
	if err := <-waits; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	quoting.answer <- struct{}{}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := p.Report(t.Context(), sgx.TargetInfo{}, data); err != nil {
		t.Errorf("the turn is lost: %v", err)
	}
}
