package bounds

import (
	"fmt"
	"log"
	"slices"
	"testing"
	"time"
)

func TestComplaints(t *testing.T) {
	now := time.Unix(1e9, 0)
	var said []string
	c := &complaints{say: func(line string) { said = append(said, line) }, now: func() time.Time { return now }}
	logger := log.New(c, "", 0)
	for _, step := range []struct {
		later time.Duration
		times int
		line  string
	}{
		{0, 10_000, "http: TLS handshake error from 192.0.2.1: EOF"},
		{often - 1, 5, "http: response.WriteHeader on hijacked connection"},
		{1, 2, "http: TLS handshake error from 192.0.2.2: EOF"},
		{0, 2, "http: panic serving 192.0.2.3: nil"},
		{-time.Hour, 1, "http: after the clock was put back"},
	} {
		now = now.Add(step.later)
		for range step.times {
			logger.Println(step.line)
		}
	}
	want := []string{
		"http: TLS handshake error from 192.0.2.1: EOF (and 0 others before)",
		fmt.Sprintf("http: TLS handshake error from 192.0.2.2: EOF (and %d others before)", 9_999+5),
		"http: panic serving 192.0.2.3: nil",
		"http: panic serving 192.0.2.3: nil",
		"http: after the clock was put back (and 1 others before)",
	}
	if !slices.Equal(said, want) {
		t.Errorf("said %q", said)
	}
}
