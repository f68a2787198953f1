package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/cleave-sdk/cleave/host"
	"github.com/cleave-sdk/cleave/internal/manifest"
	"github.com/cleave-sdk/cleave/internal/sim"
)

// launch is what "run" is told.
type launch struct {
	simulate, strict bool
	state            string
	file             string // an enclave.json or an executable
	args             []string
}

// runProgram runs a trusted half. By EGo, it becomes the ego command.
func runProgram(args []string, stdout, stderr io.Writer) int {
	l, err := parseRun(args, stdout, stderr)
	if err != nil {
		return fail(stderr, err)
	}
	if l.simulate {
		return l.onSimulator(stdout, stderr)
	}
	return notStarted(stderr, l.becomeEGo())
}

func parseRun(args []string, stdout, stderr io.Writer) (*launch, error) {
	var l launch
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), "usage: cleave run [flags] [FILE [ARGS…]]: what follows FILE is for the trusted half\n")
		flags.PrintDefaults()
	}
	flags.BoolVar(&l.simulate, "simulate", false, "run on the simulator, which needs no SGX and protects nothing")
	flags.StringVar(&l.state, "state", "", "with -simulate, keep the simulated machine in this `DIR` instead of the user's own")
	flags.BoolVar(&l.strict, "strict", false, "with -simulate, do not run where the system lets less than all of EGo be reproduced")
	if err := parseFlags(flags, args, stdout, stderr); err != nil {
		return nil, err
	}
	if !l.simulate && (l.strict || l.state != "") {
		return nil, errors.New("-state and -strict are for -simulate: give that too, or neither")
	}
	l.file = manifest.FileName
	if flags.NArg() > 0 {
		l.file, l.args = flags.Arg(0), flags.Args()[1:]
	}
	return &l, nil
}

func notStarted(stderr io.Writer, err error) int {
	fmt.Fprintln(stderr, "cleave:", err)
	return exitNotStarted
}

// hint is for who has no EGo.
func (l *launch) hint() string {
	if slices.Contains(l.args, "-simulate") || slices.Contains(l.args, "--simulate") {
		return "what follows FILE is for the trusted half: cleave run -simulate " + l.file
	}
	return "cleave run -simulate"
}

// becomeEGo returns only if it fails.
func (l *launch) becomeEGo() error {
	m, err := manifest.Open(l.file)
	if err != nil {
		return err
	}
	ego, err := host.FindEGo()
	if err != nil {
		return fmt.Errorf("%w (%s)", err, l.hint())
	}
	err = syscall.Exec(ego, append([]string{"ego", "run", m.Executable()}, l.args...), os.Environ())
	return fmt.Errorf("%s: %w", ego, err)
}

// stopDelay is how long a trusted half has to end before it is killed.
const stopDelay = 2 * time.Second

// onSimulator runs the trusted half until it ends, or this process is told to
// end. The second time it is told, it does so at once; a trusted half that is
// left then dies with it.
func (l *launch) onSimulator(stdout, stderr io.Writer) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	c, err := l.config(stdout, stderr)
	if err != nil {
		return notStarted(stderr, err)
	}
	launched := make(chan started, 1)
	go func() {
		inst, err := host.Launch(ctx, c)
		launched <- started{inst, err}
	}()
	select {
	case s := <-launched:
		if s.err != nil {
			return notStarted(stderr, s.err)
		}
		return l.until(s.Instance, signals, stderr)
	case s := <-signals:
		cancel()
		return ending(s, signals, func(patience context.Context) {
			select {
			case s := <-launched:
				s.end()
			case <-patience.Done():
			}
		})
	}
}

// started is what comes of launching.
type started struct {
	*host.Instance
	err error
}

// end waits until a trusted half that was started all the same has been killed.
func (s started) end() {
	if s.err == nil {
		s.Wait()
	}
}

// until waits for the trusted half or for a signal.
func (l *launch) until(inst *host.Instance, signals <-chan os.Signal, stderr io.Writer) int {
	ended := make(chan error, 1)
	go func() { ended <- inst.Wait() }()
	select {
	case err := <-ended:
		return l.status(stderr, err)
	case s := <-signals:
		return ending(s, signals, func(patience context.Context) { inst.Stop(patience) })
	}
}

// ending is the status after a signal. In between, stop has its time, unless
// there is another signal.
func ending(s os.Signal, signals <-chan os.Signal, stop func(context.Context)) int {
	done := make(chan struct{})
	go func() {
		defer close(done)
		patience, end := context.WithTimeout(context.Background(), stopDelay)
		defer end()
		stop(patience)
	}()
	select {
	case <-done:
	case <-signals:
	}
	return exitSignal + int(s.(syscall.Signal))
}

func (l *launch) config(stdout, stderr io.Writer) (host.Config, error) {
	state, err := machineDir(l.state)
	return host.Config{
		File: l.file, Args: l.args,
		Simulate: true, Strict: l.strict, State: state,
		Announce: func(s *host.Simulator) error { return announce(stderr, s) },
		Stdin:    input(), Stdout: stdout, Stderr: stderr,
		Log: plainLog(stderr),
	}, err
}

// announce tells, in lines for scripts, what a verifier needs. The trusted half
// can write such lines too, but none before these.
func announce(stderr io.Writer, s *host.Simulator) error {
	m, err := sim.Open(s.State)
	if err != nil {
		return err
	}
	root, err := m.SaveRoot()
	if err != nil {
		return err
	}
	fmt.Fprintf(stderr, "cleave: simulator root: %s\n", root)
	fmt.Fprintf(stderr, "cleave: simulator PCS: %s\n", s.CollateralURL)
	return nil
}

// status is the trusted half's, or that of a host that failed.
func (l *launch) status(stderr io.Writer, err error) int {
	var exit *host.ExitError
	switch {
	case err == nil:
		return exitYes
	case !errors.As(err, &exit):
		fmt.Fprintln(stderr, "cleave:", err)
		return exitNo
	case exit.Signal != 0:
		fmt.Fprintf(stderr, "cleave: %s: %v\n", l.file, exit.Signal)
	}
	return exit.Code()
}

// input is standard input. From a terminal it is copied: the trusted half is
// in a process group of its own, which may not read from one.
func input() io.Reader {
	info, err := os.Stdin.Stat()
	if err != nil {
		return nil
	}
	if info.Mode()&os.ModeCharDevice == 0 {
		return os.Stdin
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil
	}
	go func() {
		io.Copy(w, os.Stdin)
		w.Close()
	}()
	return r
}
