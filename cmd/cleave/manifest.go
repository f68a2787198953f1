package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/cleave-sdk/cleave/internal/deploy"
	"github.com/cleave-sdk/cleave/internal/manifest"
)

// writeManifest prints the Kubernetes object that runs a trusted half.
func writeManifest(args []string, stdout, stderr io.Writer) int {
	pod, file, err := parseManifest(args, stdout, stderr)
	if err != nil {
		return fail(stderr, err)
	}
	if pod.Half, err = deploy.Open(file); err != nil {
		return fail(stderr, err)
	}
	text, err := pod.YAML()
	switch {
	case errors.Is(err, deploy.ErrUnsigned) || errors.Is(err, deploy.ErrDebug):
		return notDone(stderr, err)
	case err != nil:
		return fail(stderr, err)
	}
	if _, err := stdout.Write(text); err != nil {
		return notDone(stderr, err)
	}
	return exitYes
}

func parseManifest(args []string, stdout, stderr io.Writer) (pod *deploy.Pod, file string, err error) {
	pod = new(deploy.Pod)
	flags := flag.NewFlagSet("manifest", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), "usage: cleave manifest [flags] [FILE]: -dialect, -quotes, -name and -image are needed; FILE is an enclave.json or an executable\n"+
			"exit status: 0 if it is written; 1 if the trusted half is debug or unsigned, and that is not allowed; 2 for bad usage, or a FILE that cannot be read\n")
		flags.PrintDefaults()
	}
	flags.Func("dialect", "what the cluster's device plugin understands, `DIALECT` aks, aks-legacy, intel or ack", text(&pod.Dialect))
	flags.Func("quotes", "who makes the quotes, `WAY` inprocess or aesm", text(&pod.Quotes))
	flags.Func("kind", "write this `KIND` of object, pod or deployment (default: deployment)", text(&pod.Kind))
	flags.StringVar(&pod.Name, "name", "", "call the object and its container `NAME`")
	flags.StringVar(&pod.Image, "image", "", "run the image `REF`, whose entrypoint is the host half")
	flags.IntVar(&pod.Port, "port", 8443, "the trusted half serves on this `PORT`, which the host half finds in $ATTESTED_PORT")
	flags.IntVar(&pod.Status, "status", 8080, "the host half has /healthz and /readyz on this `PORT`, which it finds in $STATUS_PORT")
	flags.StringVar(&pod.Claim, "claim", "", "mount the PersistentVolumeClaim `NAME` at /data; without one, what is sealed goes with the pod")
	flags.StringVar(&pod.QCNL, "qcnl", "", "with -quotes inprocess, the quote provider's configuration is this `FILE` in the image")
	flags.IntVar(&pod.ProvisionGroup, "provision-group", 0, "with -quotes inprocess, be in the group of this `NUMBER`, sgx_prv on the nodes, instead of root")
	flags.BoolVar(&pod.Allow.Debug, "allow-debug", false, "also for a debug enclave, whose host can read its memory")
	flags.BoolVar(&pod.Allow.Unsigned, "allow-unsigned", false, "also for an executable that is not signed, and does not start on SGX")
	if err := parseFlags(flags, args, stdout, stderr); err != nil {
		return nil, "", err
	}
	err = pod.Check()
	if flags.NArg() > 1 {
		err = errors.Join(fmt.Errorf("manifest takes one FILE after the flags, an %s or an executable", manifest.FileName), err)
	}
	if err != nil {
		return nil, "", err
	}
	return pod, cmp.Or(flags.Arg(0), manifest.FileName), nil
}

// text sets a flag that has no default, and so no text of one.
func text(v interface{ UnmarshalText([]byte) error }) func(string) error {
	return func(s string) error { return v.UnmarshalText([]byte(s)) }
}
