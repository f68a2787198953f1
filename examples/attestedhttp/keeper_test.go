package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/examples/attestedhttp/calls"
	"github.com/cleave-sdk/cleave/host"
)

// played is a trusted half that has ended, or ends when it is told to.
type played struct {
	err  error
	told chan struct{} // or nil
}

func (p *played) Wait() error {
	if p.told != nil {
		<-p.told
	}
	return p.err
}

func (p *played) Stop(context.Context) error {
	close(p.told)
	return nil
}

// Whether it is launched again depends on what failed, and on whether it was
// ever launched.
func TestWhatIsHopeless(t *testing.T) {
	errPasses := errors.New("out of memory")
	launches := func(all ...func() (instance, error)) []func() (instance, error) { return all }
	ends := func(err error) func() (instance, error) {
		return func() (instance, error) { return &played{err: err}, nil }
	}
	fails := func(err error) func() (instance, error) { return func() (instance, error) { return nil, err } }
	exit := &host.ExitError{Status: 1}
	for name, c := range map[string]struct {
		all   []func() (instance, error)
		again int // how often it is launched again before the last, which is hopeless
	}{
		"the first launch fails":     {launches(fails(errPasses)), 0},
		"the second fails":           {launches(ends(exit), fails(errPasses), fails(host.ErrNoEGo)), 2},
		"ended well":                 {launches(ends(nil), ends(nil), fails(host.ErrNoEGo)), 2},
		"exited at first":            {launches(ends(exit), fails(host.ErrNoEGo)), 1},
		"what served it failed":      {launches(ends(errPasses), fails(host.ErrNoEGo)), 1},
		"no EGo":                     {launches(fails(fmt.Errorf("host: %w", host.ErrNoEGo))), 0},
		"no SGX, as EGo finds later": {launches(ends(fmt.Errorf("host: %w", host.ErrNoSGX))), 0},
		"not signed any more":        {launches(ends(exit), ends(fmt.Errorf("host: %w", host.ErrNotSigned))), 1},
	} {
		log := new(transcript)
		k := newKeeper(settings{restart: time.Nanosecond}, nil, &state{metrics: newMetrics()}, slog.New(slog.NewJSONHandler(log, nil)))
		launched := 0
		k.launch = func(context.Context, host.Config) (instance, error) {
			if launched++; launched > len(c.all) {
				return nil, host.ErrNoEGo // too late: as many as there are
			}
			return c.all[launched-1]()
		}
		if err := k.keep(t.Context()); err == nil || launched != len(c.all) {
			t.Errorf("%s: launched %d times, and then %v", name, launched, err)
		}
		if n := strings.Count(log.String(), "is launched again"); n != c.again || strings.Contains(log.String(), "nil") {
			t.Errorf("%s: %d times again: %s", name, n, log)
		}
	}
}

// Each wait is up to twice as long as the one before, to a limit, and begins
// anew after a trusted half that ran for long.
func TestBackoff(t *testing.T) {
	const first = time.Second
	b := backoff{first: first}
	for n, longest := range []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300} {
		wait := b.after(settled * first)
		if longest *= first; wait < longest/2 || wait > longest {
			t.Errorf("wait %d is %v, not up to %v", n, wait, longest)
		}
	}
	for range 2 {
		if wait := b.after(settled*first + 1); wait > first {
			t.Errorf("%v after one that has settled", wait)
		}
	}
	seen := map[time.Duration]bool{}
	for range 100 {
		seen[b.after(0)] = true
	}
	if len(seen) < 50 {
		t.Error("nothing is left to chance")
	}
}

// The wait that is logged is the one that is waited.
func TestLoggedWait(t *testing.T) {
	log := new(transcript)
	k := newKeeper(settings{restart: 20 * time.Millisecond}, nil, &state{metrics: newMetrics()}, slog.New(slog.NewJSONHandler(log, nil)))
	var at []time.Time
	k.launch = func(context.Context, host.Config) (instance, error) {
		if at = append(at, time.Now()); len(at) == 4 {
			return nil, host.ErrNoEGo
		}
		return &played{}, nil
	}
	if err := k.keep(t.Context()); !errors.Is(err, host.ErrNoEGo) {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(log.String()) {
		var said struct{ Wait string }
		if err := json.Unmarshal([]byte(line), &said); err != nil {
			t.Fatal(err)
		}
		if wait, err := time.ParseDuration(said.Wait); err != nil || wait > at[n+1].Sub(at[n]) {
			t.Errorf("%q, and %v were waited", said.Wait, at[n+1].Sub(at[n]))
		}
		n++
	}
	if n != 3 {
		t.Errorf("%d lines", n)
	}
}

// What is told to end before it serves does not go on, and is not heard of
// again; what serves goes on for as long as is said.
func TestToldToEnd(t *testing.T) {
	for _, serves := range []bool{false, true} {
		log := new(transcript)
		known := &state{metrics: newMetrics()}
		const drain = 300 * time.Millisecond
		k := newKeeper(settings{drain: drain}, nil, known, slog.New(slog.NewTextHandler(log, nil)))
		ctx, cancel := context.WithCancel(t.Context())
		k.launch = func(context.Context, host.Config) (instance, error) {
			if serves {
				if err := k.serves(1, calls.Places{Host: "here"}); err != nil {
					t.Error(err)
				}
			}
			return &played{told: make(chan struct{})}, nil
		}
		time.AfterFunc(time.Millisecond, cancel)
		began := time.Now()
		if err := k.keep(ctx); err != nil {
			t.Error(err)
		}
		if waited := time.Since(began) >= drain; waited != serves || strings.Contains(log.String(), "drain=0s") == serves {
			t.Errorf("serves %t: waited %t: %s", serves, waited, log)
		}
	}
	log := new(transcript)
	k := newKeeper(settings{}, nil, &state{metrics: newMetrics()}, slog.New(slog.NewTextHandler(log, nil)))
	launch := k.known.began()
	k.known.ends()
	if err := k.serves(launch, calls.Places{Host: "here"}); err != errEnding || log.String() != "" {
		t.Errorf("%v, and: %s", err, log)
	}
}

// What a trusted half has said at last is in the log, though it had no time to
// end the line; and no line is longer than so much.
func TestLines(t *testing.T) {
	long := strings.Repeat("a", maxLine)
	for name, c := range map[string]struct{ writes, lines []string }{
		"nothing":          {nil, nil},
		"a line":           {[]string{"hello\n"}, []string{"hello"}},
		"in parts":         {[]string{"he", "llo\nagain", "\n"}, []string{"hello", "again"}},
		"no end":           {[]string{"hello\npanic: "}, []string{"hello", "panic: "}},
		"an empty one":     {[]string{"\n"}, []string{""}},
		"as long as it is": {[]string{long + "\n"}, []string{long}},
		"too long":         {[]string{long + "b\n"}, []string{long, "b"}},
		"without any end":  {[]string{long, long, "b"}, []string{long, long, "b"}},
	} {
		log := new(transcript)
		k := newKeeper(settings{}, nil, &state{metrics: newMetrics()}, slog.New(slog.NewJSONHandler(log, nil)))
		k.launch = func(_ context.Context, config host.Config) (instance, error) {
			for _, w := range c.writes {
				fmt.Fprint(config.Stderr, w)
				if n := len(config.Stderr.(*lines).rest); n > maxLine {
					t.Errorf("%s: %d bytes are kept", name, n)
				}
			}
			return &played{}, nil
		}
		if err := k.once(t.Context()); err != nil {
			t.Error(err)
		}
		var got []string
		for line := range strings.Lines(log.String()) {
			var said struct{ From, Line string }
			if err := json.Unmarshal([]byte(line), &said); err != nil || said.From != "stderr" {
				t.Errorf("%s: %q, %v", name, line, err)
			}
			got = append(got, said.Line)
		}
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", c.lines) {
			t.Errorf("%s: %q", name, got)
		}
	}
}
