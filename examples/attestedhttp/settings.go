package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"time"
)

// settings are the flags.
type settings struct {
	file, data, listen, status string
	simulate                   bool
	state                      string
	restart, drain, probe      time.Duration
}

// parse takes the ports from the environment that cleave manifest writes, where
// no flag says otherwise. It exits where package flag does.
func parse(args []string, getenv func(string) string) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("attestedhttp", flag.ExitOnError)
	flags.StringVar(&s.file, "enclave", "enclave.json", "`FILE` that describes the trusted half, or its executable")
	flags.StringVar(&s.data, "data", "/data", "keep what the trusted half seals in this `DIR`")
	flags.StringVar(&s.listen, "listen", ":"+cmp.Or(getenv("ATTESTED_PORT"), "8443"), "the trusted half serves at this `ADDRESS`; without it, at $ATTESTED_PORT")
	flags.StringVar(&s.status, "status", ":"+cmp.Or(getenv("STATUS_PORT"), "8080"), "health, readiness and metrics at this `ADDRESS`; without it, at $STATUS_PORT")
	flags.BoolVar(&s.simulate, "simulate", false, "run the trusted half on the simulator, which needs no SGX and protects nothing")
	flags.StringVar(&s.state, "state", "", "with -simulate, the simulated machine's `DIR` (default: the user's own)")
	flags.DurationVar(&s.restart, "restart", 100*time.Millisecond, "wait so long before a trusted half that ended is launched again; twice as long each time, up to 300 times; at most 24h")
	flags.DurationVar(&s.drain, "drain", 5*time.Second, "when told to end, go on so long without being ready, if it served")
	flags.DurationVar(&s.probe, "probe", 250*time.Millisecond, "wait so long before the trusted half is asked again whether it is ready, however many want to know")
	flags.Parse(args)
	return s, s.check(flags.Args())
}

func (s settings) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("%q is no flag, and there are no other arguments: -simulate=false has an equals sign", rest[0])
	case s.restart <= 0 || s.restart > 24*time.Hour:
		return errors.New("-restart is more than 0, such as 100ms, and at most 24h")
	case s.drain < 0 || s.probe < 0:
		return errors.New("-drain and -probe are 0 or more, such as 5s")
	}
	return nil
}
