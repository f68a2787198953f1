package deploy_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/internal/deploy"
	"github.com/cleave-sdk/cleave/internal/issue"
	"github.com/cleave-sdk/cleave/internal/manifest"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// put writes an enclave.json and its executable, and returns the former's path.
func put(t *testing.T, keys string, image []byte) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "enclave.json")
	text := fmt.Appendf(nil, `{"exe": "server", "key": "private.pem", "heapSize": 256, "productID": 7, "securityVersion": 9%s}`, keys)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if image != nil {
		if err := os.WriteFile(filepath.Join(dir, "server"), image, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// production is signed for product 7, SVN 9, without Debug, whatever the host asks for.
func production() *sgx.SigStruct {
	return &sgx.SigStruct{
		Attributes:    sgx.Attributes{Flags: sgx.FlagMode64, XFRM: 3},
		AttributeMask: sgx.Attributes{Flags: ^uint64(0), XFRM: ^uint64(0)},
		MRENCLAVE:     [32]byte{0xAA},
		ProductID:     7, SVN: 9,
	}
}

func TestOpen(t *testing.T) {
	m := manifest.Default("server")
	m.Key = filepath.Join(t.TempDir(), "private.pem")
	key, err := m.Signer()
	if err != nil {
		t.Fatal(err)
	}
	signer, err := sgx.MRSIGNER(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		keys   string               // more of enclave.json
		before func(*sgx.SigStruct) // it is signed
		after  func(*sgx.SigStruct)
		debug  bool
		says   string
	}{
		"for production":      {},
		"debug in its JSON":   {keys: `, "debug": true`, debug: true},
		"debug as signed":     {before: func(s *sgx.SigStruct) { s.Attributes.Flags |= sgx.FlagDebug }, debug: true},
		"debug if asked for":  {before: func(s *sgx.SigStruct) { s.AttributeMask.Flags &^= sgx.FlagDebug }, debug: true},
		"another product":     {before: func(s *sgx.SigStruct) { s.ProductID = 8 }, says: "signed as product 8, SVN 9, and its enclave.json says product 7, SVN 9; sign it again"},
		"another SVN":         {before: func(s *sgx.SigStruct) { s.SVN = 10 }, says: "signed as product 7, SVN 10, and its enclave.json says product 7, SVN 9; sign it again"},
		"an older SVN":        {before: func(s *sgx.SigStruct) { s.SVN = 8 }, says: "signed as product 7, SVN 8"},
		"changed measurement": {after: func(s *sgx.SigStruct) { s.MRENCLAVE[31] ^= 1 }, says: "sign it again"},
		"changed signature":   {after: func(s *sgx.SigStruct) { s.Signature[0] ^= 1 }, says: "sign it again"},
		"debug afterwards":    {after: func(s *sgx.SigStruct) { s.Attributes.Flags |= sgx.FlagDebug }, says: "sign it again"},
	} {
		s := production()
		if row.before != nil {
			row.before(s)
		}
		if err := issue.SignSigStruct(s, key); err != nil {
			t.Fatal(err)
		}
		if row.after != nil {
			row.after(s)
		}
		half, err := deploy.Open(put(t, row.keys, issue.Image(".oeinfo", s.Append(nil))))
		switch {
		case row.says != "":
			if err == nil || half != nil || !strings.Contains(err.Error(), row.says) {
				t.Errorf("%s: %+v, %v", name, half, err)
			}
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case half.Debug != row.debug || half.Signed == nil || *half.Signed != deploy.Signed{Measurement: s.MRENCLAVE, Signer: signer}:
			t.Errorf("%s: %+v, %+v", name, half, half.Signed)
		}
	}
}

func TestOpenUnsigned(t *testing.T) {
	none := make([]byte, sgx.SigStructSize)
	for name, row := range map[string]struct {
		image []byte
		says  string
	}{
		"not signed":    {issue.Image(".oeinfo", none), ""},
		"not of EGo":    {issue.Image(".text", none), ""},
		"not built":     {nil, "build the trusted half first: "},
		"no executable": {[]byte("#!/bin/sh\n"), "not a 64-bit x86 executable"},
	} {
		half, err := deploy.Open(put(t, "", row.image))
		switch {
		case row.says != "":
			if err == nil || half != nil || !strings.Contains(err.Error(), row.says) {
				t.Errorf("%s: %+v, %v", name, half, err)
			}
		case err != nil || half.Signed != nil || half.ImageBytes != int64(len(row.image)) || half.HeapMiB != 256:
			t.Errorf("%s: %+v, %v", name, half, err)
		}
	}
}
