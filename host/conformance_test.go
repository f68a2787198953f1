package host_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/host"
	"github.com/cleave-sdk/cleave/ocall"
	"github.com/cleave-sdk/cleave/ocall/ocalltest"
)

var report = ocall.Func[string, ocall.None]{Name: "report", Check: ocall.Unchecked[string, ocall.None]}

// What ocalltest has pass over pipes and sockets in one process passes between
// a host and the trusted half it has launched.
func TestConformance(t *testing.T) {
	file := stage(t, "conformance")
	for platform, on := range platforms(t) {
		t.Run(platform, func(t *testing.T) {
			verdicts := conform(t, on(host.Config{File: file}))
			if len(verdicts) != 1 || verdicts[0] != "conforms" {
				t.Errorf("%q", verdicts)
			}
		})
	}
}

// The verdict is the trusted half's: a host that answers otherwise does not pass.
func TestNonconformance(t *testing.T) {
	on := platforms(t)["the simulator"]
	verdicts := conform(t, on(host.Config{File: stage(t, "conformance")}), func(ctx context.Context, h *ocall.Handling, next func(context.Context) error) error {
		if h.Call == "conformance.record" {
			return errors.New("not today")
		}
		return next(ctx)
	})
	if len(verdicts) != 1 || !strings.Contains(verdicts[0], "not today") {
		t.Errorf("%q", verdicts)
	}
}

// conform launches a trusted half that runs the suite, and returns what it
// reported.
func conform(t *testing.T, c host.Config, interceptors ...ocall.Interceptor) (verdicts []string) {
	t.Helper()
	var stderr bytes.Buffer
	c.Stdout, c.Stderr = new(bytes.Buffer), &stderr
	c.Service, c.Calls = append(ocall.Service{report}, ocalltest.Conformance...), &ocall.Mux{Interceptors: interceptors}
	ocalltest.HandleConformance(c.Calls)
	report.Handle(c.Calls, func(_ context.Context, verdict string) (ocall.None, error) {
		verdicts = append(verdicts, verdict)
		return ocall.None{}, nil
	})
	inst, err := host.Launch(soon(t), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := inst.Wait(); err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	return verdicts
}
