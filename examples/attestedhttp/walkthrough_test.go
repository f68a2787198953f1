package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/internal/inputs"
)

// snippets are the fenced blocks of WALKTHROUGH.md that are marked "sh local",
// in their order.
func snippets(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("WALKTHROUGH.md")
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	blocks := strings.Split(string(text), "\n```sh local\n")[1:]
	if len(blocks) < 10 {
		t.Fatalf("only %d snippets", len(blocks))
	}
	for _, block := range blocks {
		code, _, ok := strings.Cut(block, "\n```\n")
		if !ok {
			t.Fatalf("no end: %.100s", block)
		}
		script.WriteString(code + "\n")
	}
	return script.String()
}

// TestWalkthrough runs the local part from the document's own snippets, as one
// who follows it does, but for the ports.
func TestWalkthrough(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("trusted halves run on linux/amd64 only")
	}
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the walkthrough needs %s", tool)
		}
	}
	for _, program := range []string{"./trusted", "./client", "../../cmd/cleave"} {
		if err := inputs.Package(program); err != nil {
			t.Fatal(err)
		}
	}
	home := t.TempDir()
	dir := filepath.Join(home, "attestedhttp")
	script := snippets(t)
	checkRun(t, dir, play(t, home, script))
	first := read(t, filepath.Join(dir, "value"))
	checkRun(t, dir, play(t, home, script)) // as one does who was interrupted
	if read(t, filepath.Join(dir, "value")) != first {
		t.Error("the value, of which there is no other copy, was overwritten")
	}
	for _, dialect := range []string{"aks", "ack", "intel"} {
		checkOverlay(t, filepath.Join("deploy", "overlays", dialect, "deployment.yaml"), read(t, filepath.Join(dir, dialect+".yaml")))
	}
	checkFailures(t, home, script)
}

func checkRun(t *testing.T, dir, out string) {
	t.Helper()
	value := read(t, filepath.Join(dir, "value"))
	mac := hmac.New(sha256.New, []byte(value))
	mac.Write([]byte("hello"))
	if n := strings.Count(out, hex.EncodeToString(mac.Sum(nil))); n != 2 {
		t.Errorf("answered rightly %d times, not before and after the kill", n)
	}
	lines := []string{"not ready: ", "ok\n", "given to measurement ", "ready, launch 1\n", "ready, launch 2\n", "TCB UpToDate\n", "refused: not the owner\n", "refused: not Intel's root\n", "refused: not this signer\n", "attestedhttp_launches_total 2\n", "ended well\n"}
	if _, err := os.Stat("/dev/sgx_enclave"); err != nil {
		lines = append(lines, "no SGX here: the simulator will do\n")
	}
	for _, line := range lines {
		if !strings.Contains(out, line) {
			t.Errorf("no %q", line)
		}
	}
	if t.Failed() {
		t.Fatalf("%s\nthe log:\n%s", out, read(t, filepath.Join(dir, "host.log")))
	}
}

// checkFailures has what keeps either half from its port be shown, and nothing
// be waited for in vain.
func checkFailures(t *testing.T, home, script string) {
	t.Helper()
	beginning, _, ok := strings.Cut(script, "signer=$(")
	shorter := strings.Replace(beginning, "seq 300", "seq 10", 1)
	if !ok || shorter == beginning {
		t.Fatal("the script does not wait where it did")
	}
	for _, address := range []string{"127.0.0.1:8443", "127.0.0.1:8080"} {
		l, err := net.Listen("tcp", "127.0.0.1:0") // which never answers
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		script := strings.ReplaceAll(shorter, address, l.Addr().String())
		script = strings.ReplaceAll(script, "curl -s ", "curl -s -m 1 ")
		out, err := tryToPlay(t, home, script)
		if err == nil || !strings.Contains(out, "the end of host.log:") || !strings.Contains(out, "bind: address already in use") {
			t.Errorf("with %s taken: %v: %s", address, err, out)
		}
	}
}

// Every part finds the repository, and leaves what it makes outside of it: the
// image is built from what is there.
func TestPartsBeginInTheRoot(t *testing.T) {
	parts := strings.Split(read(t, "WALKTHROUGH.md"), "\n## ")[2:] // after the first
	if len(parts) != 6 {
		t.Fatalf("%d parts after the first", len(parts))
	}
	for _, part := range parts[:5] {
		name, _, _ := strings.Cut(part, "\n")
		if !strings.Contains(part, `cd "${ROOT:?`) {
			t.Errorf("%s: begins anywhere", name)
		}
		if here := regexp.MustCompile(`(?m)(> ?|src=|-out )[a-z]+\.(json|key|pem|yaml)`).FindString(part); here != "" {
			t.Errorf("%s: %q is in the repository", name, here)
		}
	}
	ignored := read(t, "Dockerfile.dockerignore")
	for _, pattern := range []string{"**/*.pem", "**/*.key", "**/signed", "**/policy.json", "**/cluster.json", "**/pool.json", "**/.git"} {
		if !strings.Contains(ignored, pattern+"\n") {
			t.Errorf("%s would be sent to Docker", pattern)
		}
	}
}

// What no test can run is a shell's language at least, and the requests in it
// are JSON.
func TestSnippetsParse(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip(err)
	}
	requests := 0
	for n, block := range strings.Split(read(t, "WALKTHROUGH.md"), "\n```sh")[1:] {
		_, code, _ := strings.Cut(block, "\n")
		code, _, _ = strings.Cut(code, "\n```\n")
		cmd := exec.CommandContext(t.Context(), "bash", "-n")
		cmd.Stdin = strings.NewReader(code)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("snippet %d: %v: %s", n, err, out)
		}
		for _, request := range strings.Split(code, "<<END\n")[1:] {
			request, _, _ = strings.Cut(request, "\nEND\n")
			if requests++; !json.Valid([]byte(request)) { // as variables are in its strings only
				t.Errorf("snippet %d: no JSON: %s", n, request)
			}
		}
	}
	if requests != 2 {
		t.Errorf("%d requests", requests)
	}
}

var update = flag.Bool("update", false, "write the overlays anew")

// checkOverlay compares with what the command has written.
func checkOverlay(t *testing.T, name, written string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(written), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if read(t, name) != written {
		t.Errorf("%s is not what the command writes: go test -update makes it anew", name)
	}
}

// play runs a script to its end.
func play(t *testing.T, home, script string) string {
	t.Helper()
	out, err := tryToPlay(t, home, script)
	if err != nil {
		t.Fatalf("%v after:\n%s", err, out)
	}
	return out
}

// tryToPlay runs a script with a home of its own. Go's caches stay where they
// are.
func tryToPlay(t *testing.T, home, script string) (string, error) {
	t.Helper()
	for _, address := range []string{"127.0.0.1:8443", "127.0.0.1:8080", "127.0.0.1:8081"} {
		script = strings.ReplaceAll(script, address, free(t))
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script)
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), "HOME="+home)
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPATH"} {
		value, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Env = append(cmd.Env, name+"="+strings.TrimSpace(string(value)))
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // what it has in the background ends with it
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	tooLong := time.AfterFunc(2*patient, func() { cmd.Cancel() })
	defer tooLong.Stop()
	out, err := cmd.CombinedOutput()
	syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	return string(out), err
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}
