package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/cleave-sdk/cleave/internal/sim"
)

const simulatorUsage = `usage: cleave simulator root [-state DIR] [-o FILE]
       cleave simulator serve [-state DIR] [-listen HOST:PORT]
       cleave simulator advance [-state DIR] cpu|tcb|revoke
       cleave simulator reset [-state DIR] -yes
`

// simulator has to do with the simulated machine and its authority.
func simulator(args []string, stdout, stderr io.Writer) int {
	return choose(map[string]command{
		"root":    simulatorRoot,
		"serve":   simulatorServe,
		"advance": simulatorAdvance,
		"reset":   simulatorReset,
	}, simulatorUsage, args, stdout, stderr)
}

// machineFlags name a simulated machine.
type machineFlags struct {
	*flag.FlagSet
	state string
}

func newMachineFlags(name string) *machineFlags {
	f := &machineFlags{FlagSet: flag.NewFlagSet("simulator "+name, flag.ContinueOnError)}
	f.StringVar(&f.state, "state", "", "the simulated machine's `DIR` (default: the user's own)")
	return f
}

// dir is the machine's directory.
func (f *machineFlags) dir() (string, error) { return machineDir(f.state) }

// machineDir is the directory that was named, or the user's own.
func machineDir(name string) (string, error) {
	if name != "" {
		return name, nil
	}
	dir, err := sim.DefaultDir()
	if err != nil {
		return "", fmt.Errorf("%w; name one by -state DIR", err)
	}
	return dir, nil
}

// open opens the machine, or makes it.
func (f *machineFlags) open() (*sim.Machine, error) {
	dir, err := f.dir()
	if err != nil {
		return nil, err
	}
	return sim.Open(dir)
}

// existing opens a machine that is there: to change one that is new is no use.
func (f *machineFlags) existing() (*sim.Machine, error) {
	dir, err := f.dir()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("there is no machine: %w; cleave run -simulate makes one", err)
	}
	return sim.Open(dir)
}

// notDone reports what could not be done.
func notDone(stderr io.Writer, err error) int {
	fmt.Fprintln(stderr, "cleave:", err)
	return exitNo
}

func simulatorRoot(args []string, stdout, stderr io.Writer) int {
	flags := newMachineFlags("root")
	output := flags.String("o", "", "write the certificate to `FILE` instead of standard output")
	if err := parseFlags(flags.FlagSet, args, stdout, stderr); err != nil {
		return fail(stderr, err)
	}
	if flags.NArg() != 0 {
		return fail(stderr, errors.New("simulator root takes no arguments but its flags"))
	}
	m, err := flags.open()
	if err != nil {
		return notDone(stderr, err)
	}
	_, err = m.SaveRoot()
	if text := issue.PEM(m.Root()); *output != "" {
		err = errors.Join(err, os.WriteFile(*output, text, 0o644))
	} else {
		_, writeErr := stdout.Write(text)
		err = errors.Join(err, writeErr)
	}
	if err != nil {
		return notDone(stderr, err)
	}
	return exitYes
}

// pcsTimeout bounds the reading of a request and the writing of its answer.
const pcsTimeout = 10 * time.Second

func simulatorServe(args []string, stdout, stderr io.Writer) int {
	flags := newMachineFlags("serve")
	listen := flags.String("listen", "127.0.0.1:8081", "serve on this `HOST:PORT`; port 0 is any that is free")
	if err := parseFlags(flags.FlagSet, args, stdout, stderr); err != nil {
		return fail(stderr, err)
	}
	if flags.NArg() != 0 {
		return fail(stderr, errors.New("simulator serve takes no arguments but its flags"))
	}
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		return notDone(stderr, fmt.Errorf("-listen %q: %w; give HOST:PORT of this machine that is free, such as 127.0.0.1:0", *listen, err))
	}
	defer l.Close()
	m, err := flags.open()
	if err != nil {
		return notDone(stderr, err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	fmt.Fprintf(stdout, "http://%s/sgx/certification/v4\n", l.Addr())
	if a, err := netip.ParseAddrPort(l.Addr().String()); err != nil || !a.Addr().IsLoopback() {
		fmt.Fprintf(stderr, "cleave: %s can be reached from other machines: it serves what a simulated authority says, to whoever asks\n", l.Addr())
	}
	if err := serveUntil(ctx, l, m.PCS()); err != nil {
		return notDone(stderr, err)
	}
	return exitYes
}

// serveUntil answers until ctx ends, and what has been asked by then.
func serveUntil(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{Handler: h, ReadTimeout: pcsTimeout, WriteTimeout: pcsTimeout}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	patience, end := context.WithTimeout(context.Background(), pcsTimeout)
	defer end()
	return server.Shutdown(patience)
}

func simulatorAdvance(args []string, stdout, stderr io.Writer) int {
	flags := newMachineFlags("advance")
	if err := parseFlags(flags.FlagSet, args, stdout, stderr); err != nil {
		return fail(stderr, err)
	}
	step, known := steps()[flags.Arg(0)]
	if !known || flags.NArg() != 1 {
		return fail(stderr, errors.New("simulator advance takes one of cpu, tcb and revoke, after the flags"))
	}
	m, err := flags.existing()
	if err == nil {
		err = step.take(m)
	}
	if err != nil {
		return notDone(stderr, err)
	}
	fmt.Fprintln(stdout, step.says)
	return exitYes
}

// step is one of a TCB recovery.
type step struct {
	take func(*sim.Machine) error
	says string
}

func steps() map[string]step {
	return map[string]step{
		"cpu":    {(*sim.Machine).UpdateMicrocode, "the microcode is updated: trusted halves started from now on have a new CPUSVN, and quotes of the newest TCB level"},
		"tcb":    {(*sim.Machine).RecoverTCB, "a TCB recovery is announced: until cleave simulator advance cpu, the machine's TCB is OutOfDate, with one more advisory"},
		"revoke": {(*sim.Machine).RevokePCK, "the machine's PCK certificate is revoked: quotes are refused until cleave simulator advance cpu brings another"},
	}
}

func simulatorReset(args []string, stdout, stderr io.Writer) int {
	flags := newMachineFlags("reset")
	yes := flags.Bool("yes", false, "remove the machine, and with it all means to open what was sealed on it")
	if err := parseFlags(flags.FlagSet, args, stdout, stderr); err != nil {
		return fail(stderr, err)
	}
	dir, err := flags.dir()
	if !*yes || flags.NArg() != 0 {
		return fail(stderr, fmt.Errorf("this removes the machine in %s, and nothing that was sealed on it opens again: say -yes if that is meant", cmp.Or(dir, "the user's own directory")))
	}
	if err == nil {
		err = sim.Reset(dir)
	}
	if err != nil {
		return notDone(stderr, err)
	}
	fmt.Fprintf(stdout, "removed the machine in %s\n", dir)
	return exitYes
}
