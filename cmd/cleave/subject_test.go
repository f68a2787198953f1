package main

import (
	"bytes"
	"io"
	"testing"
)

// FuzzSubject: whatever a file holds, it is decoded or refused, and both can
// be printed.
func FuzzSubject(f *testing.F) {
	m, err := newMachine()
	if err != nil {
		f.Fatal(err)
	}
	dir := f.TempDir()
	if err := m.writeQuotes(dir); err != nil {
		f.Fatal(err)
	}
	if err := m.writeCertificates(dir); err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{"quote.bin", "openenclave.bin", "rawevidence.bin", "tdx.bin", "local.bin", "good.der", "good.pem", "ego.der"} {
		b, err := readFile(dir + "/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := decoded(parseSubject(b))
		if v == nil || (err == nil) != (v.Error == "") || v.Authentic || v.TCB != nil {
			t.Errorf("%+v, %v", v, err)
		}
		v.print(io.Discard, false)
		var text bytes.Buffer
		v.print(&text, true)
		if !bytes.HasSuffix(text.Bytes(), []byte("}\n")) {
			t.Errorf("printed as %q", text.Bytes())
		}
	})
}
