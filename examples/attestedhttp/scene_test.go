package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/inputs"
	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/cleave-sdk/cleave/internal/sim"
)

// patient bounds every wait for something that has to come.
const patient = time.Minute

// scene is a host half that runs in this process, on the simulator.
type scene struct {
	t        *testing.T
	settings settings
	owner    tls.Certificate
	verifier *attest.Verifier
	log      *transcript
	stop     func() error
}

// newScene builds the trusted half for an owner of its own. The host half is
// not running yet.
func newScene(t *testing.T) *scene {
	t.Helper()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("trusted halves run on linux/amd64 only")
	}
	dir := t.TempDir()
	s := &scene{t: t, log: new(transcript), settings: settings{
		file: filepath.Join(dir, "enclave.json"), data: filepath.Join(dir, "data"),
		listen: free(t), status: free(t),
		simulate: true, state: filepath.Join(dir, "machine"),
		restart: 100 * time.Microsecond, // at most 30 milliseconds
		probe:   100 * time.Microsecond,
	}}
	build(t, filepath.Join(dir, "attestedhttp-trusted"), "./trusted")
	s.owner = s.newOwner(t)
	s.configure(t, sha256.Sum256(s.owner.Leaf.RawSubjectPublicKeyInfo))
	machine, err := sim.Open(s.settings.state)
	if err != nil {
		t.Fatal(err)
	}
	pcs := &http.Server{Handler: machine.PCS()}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go pcs.Serve(l)
	t.Cleanup(func() { pcs.Close() })
	s.verifier = &attest.Verifier{Root: machine.Root(), Collateral: &attest.Cache{Source: &attest.PCS{URL: "http://" + l.Addr().String() + "/sgx/certification/v4"}}}
	return s
}

func build(t *testing.T, to, from string) {
	t.Helper()
	if err := inputs.Package(from); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", to, from)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// configure writes the repository's enclave.json with the owner in it.
func (s *scene) configure(t *testing.T, owner [32]byte) {
	t.Helper()
	text, err := os.ReadFile("enclave.json")
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte("the-owners-key"), fmt.Appendf(nil, "%x", owner), 1)
	if err := os.WriteFile(s.settings.file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *scene) newOwner(t *testing.T) tls.Certificate {
	t.Helper()
	a, err := issue.NewAuthority(issue.SimulatorNames(), issue.Days(time.Now().Add(-time.Hour), 10))
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{a.Root.Certificate.Raw}, PrivateKey: a.Root.Key, Leaf: a.Root.Certificate}
}

// free is an address that was free a moment ago.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start runs the host half until the test ends or s.stop is called.
func (s *scene) start() {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, s.settings, slog.New(slog.NewJSONHandler(s.log, nil))) }()
	stopped := false
	s.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-ended
	}
	s.t.Cleanup(func() { s.stop() })
	await(s.t, "the host half's health", func() bool { return s.status("/healthz") == http.StatusOK })
	s.trust()
}

// trust has the verifier trust what the signing key, which the first launch
// makes, has signed.
func (s *scene) trust() {
	s.t.Helper()
	var id attest.Identity
	await(s.t, "a certificate", func() bool {
		conn, err := tls.Dial("tcp", s.settings.listen, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			return false
		}
		defer conn.Close()
		evidence, err := attest.CertificateEvidence(conn.ConnectionState().PeerCertificates[0])
		if err != nil {
			return false
		}
		q, err := attest.ParseQuote(evidence[0].Quote)
		if err == nil {
			id = q.Identity
		}
		return err == nil
	})
	s.verifier.Policy = attest.Policy{Products: []attest.Product{attest.SignedBy(id.Signer, 2, 1)}}
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patient); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not after %v", what, patient)
		}
	}
}

// status is that of a page of the host half's, or 0.
func (s *scene) status(page string) int {
	code, _ := s.page(page)
	return code
}

func (s *scene) page(page string) (int, string) {
	response, err := http.Get("http://" + s.settings.status + page)
	if err != nil {
		return 0, ""
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, ""
	}
	return response.StatusCode, string(b)
}

// ready is the launch that is ready, or 0.
func (s *scene) ready() (launch uint64) {
	code, text := s.page("/readyz")
	if n, err := fmt.Sscanf(text, "ready, launch %d", &launch); code == http.StatusOK && (n != 1 || err != nil) {
		s.t.Errorf("ready, but: %q", text)
	}
	return launch
}

// client trusts what the verifier does, and shows the certificates.
func (s *scene) client(certificates ...tls.Certificate) *http.Client {
	config := s.verifier.TLSConfig()
	config.Certificates = certificates
	return &http.Client{Timeout: patient, Transport: &http.Transport{TLSClientConfig: config}}
}

func (s *scene) do(c *http.Client, method, path, content string) (int, string, error) {
	request, err := http.NewRequest(method, "https://"+s.settings.listen+path, strings.NewReader(content))
	if err != nil {
		return 0, "", err
	}
	response, err := c.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	return response.StatusCode, strings.TrimSpace(string(b)), err
}

const value = "a value of the owner's own"

func answer(message string) string {
	mac := hmac.New(sha256.New, []byte(value))
	mac.Write([]byte(message))
	return hex.EncodeToString(mac.Sum(nil))
}
