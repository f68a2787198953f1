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
// Ready is about the trusted half, which the host asks at an address of its own,
// and not about the crowd at its port: one that has as many clients as it can
// have serves those, and launching it again, or sending them elsewhere, would
// only help whoever has filled it.
//
// On SIGTERM it is no longer ready, waits for that to be noticed if it was
// serving, ends the trusted half and then itself. Its log is JSON, a line at a time, on standard
// error. Nothing it knows is a secret: it is the untrusted half.
//
// It exits with 0 when it was told to end, with 1 if it could not start or the
// trusted half can never run here, and with 2 for bad usage. WALKTHROUGH.md
// takes it from a laptop to a cluster.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	settings, err := parse(os.Args[1:], os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, "attestedhttp:", err)
		os.Exit(2)
	}
	if err := run(ctx, settings, log); err != nil {
		log.Error("attestedhttp", "error", err.Error())
		os.Exit(1)
	}
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
