package host_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/host"
)

// build builds the packages of a module with the stock go command, against the
// checkout. It returns the folder they are in.
func (e ego) build(module string, packages ...string) (dir string) {
	e.Helper()
	dir = e.TempDir()
	if err := os.CopyFS(dir, os.DirFS(module)); err != nil {
		e.Fatal(err)
	}
	e.command(dir, "mod", "edit", "-replace=github.com/edgelesssys/ego="+e.checkout)
	for _, p := range packages {
		// The executable is named after the enclave.json that is beside it.
		folder := filepath.Join(dir, p)
		e.command(folder, "build", "-mod=mod", "-o", e.configure(folder), ".")
	}
	return dir
}

func (e ego) command(dir string, args ...string) {
	e.Helper()
	c := exec.Command("go", args...)
	c.Dir, c.Env = dir, append(os.Environ(), "GOWORK=off")
	if out, err := c.CombinedOutput(); err != nil {
		e.Fatalf("go %s: %v: %s", args, err, out)
	}
}

// configure returns what the executable is called by the program's
// enclave.json. Where there is none, it makes the one that `ego sign` would.
func (e ego) configure(dir string) (exe string) {
	e.Helper()
	config := filepath.Join(dir, "enclave.json")
	b, err := os.ReadFile(config)
	if errors.Is(err, os.ErrNotExist) {
		b = []byte(`{"exe":"program","key":"private.pem","debug":true,"heapSize":512,"productID":1,"securityVersion":1}`)
		err = os.WriteFile(config, b, 0o600)
	}
	var m struct {
		Exe string `json:"exe"`
	}
	if err := errors.Join(err, json.Unmarshal(b, &m)); err != nil {
		e.Fatal(err)
	}
	sign(e.T, config)
	return m.Exe
}

func (e ego) sample(name string, packages ...string) (dir string) {
	e.Helper()
	return e.build(filepath.Join(e.checkout, "samples", name), packages...)
}

// running is a program that has been launched.
type running struct {
	ego
	*host.Instance
	out *output
}

// output is for one writer and one reader at once.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func (e ego) launch(dir string, args ...string) running {
	e.Helper()
	out := new(output)
	inst, err := host.Launch(e.Context(), host.Config{
		File: filepath.Join(dir, "enclave.json"), Args: args, Simulate: true, State: e.state,
		Stdout: out, Stderr: out, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		e.Fatal(err)
	}
	e.Cleanup(func() { inst.Stop(context.Background()) })
	return running{e, inst, out}
}

// ends waits for the program and returns what it has printed.
func (r running) ends() string {
	r.Helper()
	if err := r.Wait(); err != nil {
		r.Fatalf("%v: %s", err, r.out)
	}
	return r.out.String()
}

// printed stops the program and reports whether it has printed what it should.
func (r running) printed(want string) bool {
	r.Helper()
	if err := r.Stop(r.Context()); err != nil {
		r.Fatal(err)
	}
	return strings.Contains(r.out.String(), want)
}

// get asks the program, which may not serve yet.
func (r running) get(config *tls.Config, url string) ([]byte, *tls.ConnectionState) {
	r.Helper()
	client := http.Client{Transport: &http.Transport{TLSClientConfig: config}}
	defer client.CloseIdleConnections()
	for range 1000 {
		resp, err := client.Get(url)
		if err == nil {
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != http.StatusOK {
				r.Fatalf("%s: %s, %v", url, resp.Status, err)
			}
			return body, resp.TLS
		}
		time.Sleep(10 * time.Millisecond)
	}
	r.Fatalf("%s does not answer: %s", url, r.out)
	return nil, nil
}

// proves verifies evidence that it says data, under the simulator's root only.
func (r running) proves(evidence []byte, data [64]byte, product, svn uint16) {
	r.Helper()
	s := r.Simulator()
	v := &attest.Verifier{
		Policy:     attest.Policy{Products: []attest.Product{attest.SignedBy(s.Identity.Signer, product, svn)}, AllowDebug: true},
		Root:       s.Root,
		Collateral: &attest.PCS{URL: s.CollateralURL},
	}
	report, err := v.Verify(r.Context(), evidence, data)
	if err != nil || report.Identity != s.Identity {
		r.Errorf("%+v, %v", report, err)
	}
	v.Root = nil
	if _, err := v.Verify(r.Context(), evidence, data); !errors.Is(err, attest.ErrForged) {
		r.Errorf("under Intel's root: %v", err)
	}
}

// said is what a program prints, by name, and who it is.
func (e ego) said(dir string, args ...string) (printed, attest.Identity) {
	e.Helper()
	program := e.launch(dir, args...)
	p := printed{}
	for line := range strings.Lines(program.ends()) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		p[name] = value
	}
	return p, program.Simulator().Identity
}
