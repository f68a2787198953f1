package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

func TestMain(m *testing.M) {
	testscript.Main(cleaned{m}, map[string]func(){"cleave": main})
}

// cleaned removes the fixtures after the tests.
type cleaned struct{ *testing.M }

func (c cleaned) Run() int {
	status := c.M.Run()
	if fixturesDir != "" {
		os.RemoveAll(fixturesDir)
	}
	return status
}

// TestScripts has a synthetic machine's files in each script's folder.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   filepath.Join("testdata", "script"),
		Setup: setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": exitsWith, "envsubst": expand, "background": background, "signal": sendSignal, "gone": isGone, "stillruns": isThere,
			"doctor": examined,
		},
	})
}

// exitsWith is "status N command…": the command's exit status is N.
func exitsWith(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if neg || got != want {
		ts.Fatalf("exit status %d, not %d", got, want)
	}
}

// expand is "envsubst file": the file's $VARIABLES are replaced.
func expand(ts *testscript.TestScript, _ bool, args []string) {
	text := os.Expand(ts.ReadFile(args[0]), ts.Getenv)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

func setup(env *testscript.Env) error {
	m, err := newMachine()
	if err != nil {
		return err
	}
	other, err := newMachine()
	if err != nil {
		return err
	}
	good, err := m.collateral("SWHardeningNeeded", "INTEL-SA-00615", "INTEL-SA-00334")
	if err != nil {
		return err
	}
	old, err := m.collateral("OutOfDate")
	if err != nil {
		return err
	}
	server := serve(good)
	env.Defer(server.Close)
	root := sha256.Sum256(m.authority.Root.Certificate.RawSubjectPublicKeyInfo)
	measurement, signer := sha256.Sum256([]byte("an enclave")), sha256.Sum256([]byte("its signer"))
	address, stop, err := m.listen()
	if err != nil {
		return err
	}
	env.Defer(stop)
	env.Values[runningKey{}] = running{}
	env.Setenv("XDG_STATE_HOME", filepath.Join(env.WorkDir, "state"))
	env.Setenv("ATTESTED", address)
	env.Setenv("PLAIN", strings.TrimPrefix(server.URL, "http://"))
	env.Setenv("SERVICE", server.URL+"/sgx/certification/v4")
	env.Setenv("ROOT", hex.EncodeToString(root[:]))
	env.Setenv("MEASUREMENT", hex.EncodeToString(measurement[:]))
	env.Setenv("SIGNER", hex.EncodeToString(signer[:]))
	return errors.Join(
		setupProgram(env),
		m.writeQuotes(env.WorkDir),
		other.writeQuotes(filepath.Join(env.WorkDir, "other")),
		m.writeCertificates(env.WorkDir),
		writeCollateral(env.WorkDir, "collateral", good),
		writeCollateral(env.WorkDir, "old", old),
	)
}

func (m *machine) writeQuotes(dir string) error {
	quote, err := m.quote(0)
	if err != nil {
		return err
	}
	debug, err := m.quote(sgx.FlagDebug)
	if err != nil {
		return err
	}
	forged := bytes.Clone(quote)
	forged[48+64] ^= 1 // of the measurement
	kind := func(version, tee byte) []byte {
		b := bytes.Clone(quote)
		b[0], b[4] = version, tee
		return b
	}
	tdx, err := m.tdQuote()
	if err != nil {
		return err
	}
	return writeFiles(dir, map[string][]byte{
		"quote.bin":        quote,
		"debug.bin":        debug,
		"forged.bin":       forged,
		"openenclave.bin":  oe.Report(quote, true),
		"rawevidence.bin":  oe.Evidence(oe.FormatRawQuote, quote),
		"local.bin":        oe.Report(make([]byte, sgx.ReportSize), false),
		"tdx.bin":          tdx,
		"sgx4.bin":         kind(4, 0),
		"reserved.bin":     kind(3, 0x81),
		"epid.bin":         kind(2, 0),
		"stub.bin":         quote[:7],
		"openenclave4.bin": oe.Report(tdx, true),
		"cut.bin":          quote[:1000],
		"root.pem":         issue.PEM(m.authority.Root.Certificate),
		"chain.pem":        issue.PEM(m.authority.TCBSigningChain()...),
	})
}

// writeCollateral writes it as a folder and as a bundle.
func writeCollateral(dir, name string, c *attest.Collateral) error {
	bundle, err := attest.Bundle{{FMSPC: [6]byte{0x00, 0x90, 0x6E, 0xD5, 0xAB, 0xCD}, CA: "platform"}: c}.MarshalJSON()
	if err != nil {
		return err
	}
	return errors.Join(
		writeFiles(dir, map[string][]byte{name + ".json": bundle}),
		writeFiles(filepath.Join(dir, name), map[string][]byte{
			"tcb_info.json": c.TCBInfo, "qe_identity.json": c.QEIdentity, "tcb_signing_chain.pem": c.TCBInfoChain,
			"root_ca_crl.der": c.RootCRL, "pck_crl.der": c.PCKCRL,
		}))
}

func writeFiles(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}
