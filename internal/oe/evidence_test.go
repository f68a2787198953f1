package oe_test

import (
	"bytes"
	"testing"

	"github.com/cleave-sdk/cleave/internal/oe"
)

func TestEvidence(t *testing.T) {
	body := []byte("a quote")
	good := oe.Evidence(oe.FormatECDSA, body)
	if f, got, err := oe.ParseEvidence(good); err != nil || f != oe.FormatECDSA || !bytes.Equal(got, body) {
		t.Errorf("%x, %q, %v", f, got, err)
	}
	want := []byte("\x03\x00\x00\x00\xa3\xa2\x1e\x87\x1b\x4d\x40\x14\xb7\x0a\xa1\x25\xd2\xfb\xcd\x8c\x00\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00a quote")
	if !bytes.Equal(good, want) {
		t.Errorf("%x", good)
	}
	padded := bytes.Clone(good)
	copy(padded[20:], "heap")
	if f, got, err := oe.ParseEvidence(padded); err != nil || f != oe.FormatECDSA || !bytes.Equal(got, body) {
		t.Errorf("with something in the padding: %x, %q, %v", f, got, err)
	}
	for n := range good {
		if f, got, err := oe.ParseEvidence(good[:n]); err == nil || f != (oe.Format{}) || got != nil {
			t.Fatalf("%d bytes: %x, %q", n, f, got)
		}
	}
	changed := func(i int, to byte) []byte {
		b := bytes.Clone(good)
		b[i] = to
		return b
	}
	for name, b := range map[string][]byte{
		"version 2":     changed(0, 2),
		"huge":          changed(31, 0xFF),
		"one too long":  changed(24, 8),
		"one too short": changed(24, 6),
		"trailing byte": append(bytes.Clone(good), 0),
		"64 KiB":        oe.Evidence(oe.FormatECDSA, make([]byte, 64<<10)),
	} {
		if _, got, err := oe.ParseEvidence(b); err == nil || got != nil {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func FuzzParseEvidence(f *testing.F) {
	f.Add(oe.Evidence(oe.FormatECDSA, []byte("a quote")))
	f.Add(oe.Evidence(oe.FormatRawQuote, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		format, body, err := oe.ParseEvidence(b)
		if err != nil {
			return
		}
		want := bytes.Clone(b)
		clear(want[20:24])
		if !bytes.Equal(oe.Evidence(format, body), want) {
			t.Errorf("%x encodes differently", b)
		}
	})
}
