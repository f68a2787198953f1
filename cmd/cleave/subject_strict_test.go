package main

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"strings"
	"testing"
)

// What a certificate says of itself must not pass for the verdict.
func TestNamesCannotForgeLines(t *testing.T) {
	cert := &x509.Certificate{Subject: pkix.Name{CommonName: "x\nauthentic\tyes, by Intel's root\n\x1b[8m"}}
	v, _ := decoded(&subject{certificate: cert})
	if strings.ContainsAny(v.Certificate.Subject, "\n\t\x1b") {
		t.Errorf("%q", v.Certificate.Subject)
	}
}

func TestFirstPEM(t *testing.T) {
	const good = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"
	for name, row := range map[string]struct {
		text string
		ok   bool
	}{
		"one":                {good, true},
		"two":                {good + "\n" + good, true},
		"none":               {"", false},
		"broken, then good":  {"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n" + good, false},
		"open, then good":    {"-----BEGIN CERTIFICATE-----\n" + good, false},
		"another, then good": {"-----BEGIN CRL-----\nAAAA\n-----END CRL-----\n" + good, false},
	} {
		if _, ok := firstPEM([]byte(row.text)); ok != row.ok {
			t.Errorf("%s: %v", name, ok)
		}
	}
}
