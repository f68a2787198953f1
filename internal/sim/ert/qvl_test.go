package ert_test

import (
	"bytes"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/internal/sim"
)

// Intel's own library verifies what the simulator signs, under the simulator's
// root. CLEAVE_QVL names a checkout of
// github.com/intel/SGX-TDX-DCAP-QuoteVerificationLibrary, which is compiled by
// g++ with OpenSSL's headers in a minute.
func TestIntelsLibrary(t *testing.T) {
	checkout := os.Getenv("CLEAVE_QVL")
	if checkout == "" {
		t.Skip("CLEAVE_QVL is not set")
	}
	verify := buildQVL(t, filepath.Join(checkout, "Src"))
	machine := must(sim.Open(filepath.Join(t.TempDir(), "machine")))
	other := must(sim.Open(filepath.Join(t.TempDir(), "other")))
	quote := must(machine.Quote(machine.Enclave(sim.Identity{}).Report(machine.QuotingEnclave(), [64]byte{1})))
	for name, test := range map[string]struct {
		change func(*openSSL)
		want   string // of PCK, TCB info, QE identity and quote
	}{
		"good":           {func(*openSSL) {}, "0 0 0 0"},
		"report changed": {func(o *openSSL) { o.write("quote", spoiled(bytes.Clone(quote), 100)) }, "0 0 0 57"},
		"another root":   {func(o *openSSL) { o.write("root.pem", pemOf(other.Root().Raw)) }, "18 26 26 0"},
		"TCB info changed": {func(o *openSSL) {
			o.write("tcb.json", bytes.Replace(must(os.ReadFile(o.dir+"/tcb.json")), []byte("UpToDate"), []byte("OutOfDate"), 1))
		}, "0 21 0 45"},
	} {
		o := &openSSL{t, "", t.TempDir()}
		o.collect(machine, quote)
		test.change(o)
		out, err := exec.Command(verify, o.dir).CombinedOutput()
		if got := strings.TrimSpace(string(out)); err != nil || got != test.want {
			t.Errorf("%s: %q, %v; want %s", name, got, err, test.want)
		}
	}
}

// collect writes a quote and the machine's collateral to files.
func (o *openSSL) collect(machine *sim.Machine, quote []byte) {
	chain := quote[bytes.Index(quote, []byte("-----BEGIN")):]
	block, _ := pem.Decode(chain)
	tcbInfo, signers := o.ask(machine, fmt.Sprintf("tcb?fmspc=%x", machine.Platform().FMSPC), "TCB-Info-Issuer-Chain")
	qeIdentity, _ := o.ask(machine, "qe/identity", "SGX-Enclave-Identity-Issuer-Chain")
	pckList, _ := o.ask(machine, "pckcrl?ca=platform&encoding=der", "SGX-PCK-CRL-Issuer-Chain")
	rootList, _ := o.ask(machine, "rootcacrl", "")
	for name, b := range map[string][]byte{
		"quote": quote, "chain.pem": bytes.TrimRight(chain, "\x00"), "pck.pem": pem.EncodeToMemory(block), "root.pem": pemOf(machine.Root().Raw),
		"tcb.json": tcbInfo, "signers.pem": signers, "qe.json": qeIdentity,
		"root.crl": rootList, "pck.crl": hex.AppendEncode(nil, pckList),
	} {
		o.write(name, b)
	}
}

func buildQVL(t *testing.T, src string) (command string) {
	t.Helper()
	command = filepath.Join(t.TempDir(), "verify")
	versions := t.TempDir()
	args := []string{"-std=c++17", "-w", "-o", command, "testdata/qvl/main.cpp", "-I" + versions}
	if err := os.MkdirAll(filepath.Join(versions, "Version"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(versions, "Version", "Version.h"), []byte("static const char *VERSION = \"\";\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, include := range []string{"AttestationLibrary/include", "AttestationLibrary/src", "AttestationParsers/include", "AttestationParsers/src",
		"AttestationCommons/include", "AttestationCommons/include/Utils", "AttestationCommons/include/OpensslHelpers", "ThirdParty/rapidjson/include"} {
		args = append(args, "-I"+filepath.Join(src, include))
	}
	for _, library := range []string{"AttestationLibrary", "AttestationParsers", "AttestationCommons"} {
		for _, depth := range []string{"src/*.cpp", "src/*/*.cpp", "src/*/*/*.cpp"} {
			args = append(args, must(filepath.Glob(filepath.Join(src, library, depth)))...)
		}
	}
	if out, err := exec.Command("g++", append(args, "-lcrypto")...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return command
}
