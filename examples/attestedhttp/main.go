// Command attestedhttp is the host half of a small confidential service, and
// the entrypoint of its container: it launches the trusted half, keeps what
// that has sealed, launches it again when it ends, and says on a port of its
// own how it is:
//
//	/healthz   200 while this process runs
//	/readyz    200 while the trusted half answers and has its value; 503, and why, otherwise;
//	           with a line more while its certificate is not renewed, which it serves until that expires
//	/metrics   for Prometheus
//
// On SIGTERM it is no longer ready, waits for that to be noticed, ends the
// trusted half and then itself. Its log is JSON, a line at a time, on standard
// error. Nothing it knows is a secret: it is the untrusted half.
//
// It exits with 0 when it was told to end, with 1 if it could not start or the
// trusted half can never run here, and with 2 for bad usage. WALKTHROUGH.md
// takes it from a laptop to a cluster.
package main

import (
	"cmp"
	"context"
	"flag"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	if err := run(ctx, parse(os.Args[1:], os.Getenv), log); err != nil {
		log.Error("attestedhttp", "error", err.Error())
		os.Exit(1)
	}
}

// settings are the flags.
type settings struct {
	file, data, listen, status string
	simulate                   bool
	state                      string
	restart, drain, probe      time.Duration
}

// parse takes the ports from the environment that cleave manifest writes, where
// no flag says otherwise.
func parse(args []string, getenv func(string) string) settings {
	var s settings
	flags := flag.NewFlagSet("attestedhttp", flag.ExitOnError)
	flags.StringVar(&s.file, "enclave", "enclave.json", "`FILE` that describes the trusted half, or its executable")
	flags.StringVar(&s.data, "data", "/data", "keep what the trusted half seals in this `DIR`")
	flags.StringVar(&s.listen, "listen", ":"+cmp.Or(getenv("ATTESTED_PORT"), "8443"), "the trusted half serves at this `ADDRESS`; without it, at $ATTESTED_PORT")
	flags.StringVar(&s.status, "status", ":"+cmp.Or(getenv("STATUS_PORT"), "8080"), "health, readiness and metrics at this `ADDRESS`; without it, at $STATUS_PORT")
	flags.BoolVar(&s.simulate, "simulate", false, "run the trusted half on the simulator, which needs no SGX and protects nothing")
	flags.StringVar(&s.state, "state", "", "with -simulate, the simulated machine's `DIR` (default: the user's own)")
	flags.DurationVar(&s.restart, "restart", 100*time.Millisecond, "wait so long before a trusted half that ended is launched again; twice as long each time, up to 300 times")
	flags.DurationVar(&s.drain, "drain", 5*time.Second, "when told to end, go on so long without being ready")
	flags.DurationVar(&s.probe, "probe", 250*time.Millisecond, "wait so long before the trusted half is asked again whether it is ready, however many want to know")
	flags.Parse(args)
	return s
}

func run(ctx context.Context, s settings, log *slog.Logger) error {
	blobs, err := openBlobs(s.data)
	if err != nil {
		return err
	}
	defer blobs.Close()
	known := &state{metrics: newMetrics()}
	status, err := serveStatus(s, known, log)
	if err != nil {
		return err
	}
	defer status.Close()
	log.Info("started", "status", status.address, "simulated", s.simulate)
	err = newKeeper(s, blobs, known, log).keep(ctx)
	log.Info("ended")
	return err
}
