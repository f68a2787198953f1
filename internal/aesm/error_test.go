package aesm_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/internal/aesm"
)

func TestCodes(t *testing.T) {
	for code, row := range map[aesm.Code]struct {
		kind error // what a caller can do about it, or nil
		says string
	}{
		aesm.Unexpected:         {nil, "restart the service"},
		aesm.NoDevice:           {nil, "/dev/sgx_enclave"},
		aesm.Parameter:          {nil, "versions"},
		aesm.NetworkError:       {aesm.ErrUnavailable, "sgx_default_qcnl.conf"},
		aesm.Busy:               {aesm.ErrUnavailable, "again in a moment"},
		aesm.OutOfMemory:        {aesm.ErrUnavailable, "out of memory"},
		aesm.OutOfEPC:           {aesm.ErrUnavailable, "sgx.intel.com/epc"},
		aesm.ServiceUnavailable: {aesm.ErrUnavailable, "plugins"},
		aesm.UnsupportedKey:     {nil, "ECDSA plugin"},
		aesm.KeyNotInitialised:  {aesm.ErrUnavailable, "target"},
		aesm.NoCertificateData:  {nil, "PCK certificate"},
		45:                      {aesm.ErrReport, "ask for the target again"},
		aesm.InvalidReport:      {aesm.ErrReport, "ask for the target again"},
		aesm.EnclaveLoadError:   {nil, "/dev/sgx_provision"},
		aesm.CertificationError: {nil, "PCK certificate"},
		27:                      {nil, "service's log"}, // there is none
		4000000000:              {nil, "service's log"},
	} {
		e := newEnclave()
		e.fail = func(int) error { return fmt.Errorf("quoting: %w", code) }
		c := &aesm.Client{Socket: serve(t, &aesm.Server{QuotingEnclave: e})}
		_, err := c.Quote(t.Context(), report(1))
		var typed *aesm.Error
		if !errors.As(err, &typed) || typed.Code != code || !errors.Is(err, code) {
			t.Fatalf("%d: %v", uint32(code), err)
		}
		for _, kind := range []error{aesm.ErrUnavailable, aesm.ErrReport} {
			if errors.Is(err, kind) != (kind == row.kind) {
				t.Errorf("%v is %v: %v", err, kind, errors.Is(err, kind))
			}
		}
		if !strings.Contains(err.Error(), row.says) || !strings.HasPrefix(err.Error(), "aesm: quote: ") {
			t.Errorf("%v does not say %q", err, row.says)
		}
	}
}

func TestErrorsOfTheSocket(t *testing.T) {
	dir := t.TempDir()
	stale := filepath.Join(dir, "stale")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	hangsUp, _ := answering(t, nil)
	for name, row := range map[string]struct{ socket, says string }{
		"none":                {filepath.Join(dir, "none"), "--enable-sgxquotehelper"},
		"no directory":        {filepath.Join(dir, "no", "directory"), "--enable-sgxquotehelper"},
		"left by a service":   {stale, "mount the directory"},
		"a file":              {file, "nobody listens"},
		"one that hangs up":   {hangsUp, "hung up"},
		"abstract, with none": {"@cleave-aesm-test-" + filepath.Base(dir) + t.Name(), "nobody listens"},
	} {
		_, err := (&aesm.Client{Socket: row.socket}).Target(t.Context())
		var typed *aesm.Error
		if !errors.As(err, &typed) || typed.Code != 0 || !errors.Is(err, aesm.ErrUnavailable) || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
