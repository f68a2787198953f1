package doctor_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/internal/doctor"
)

// A check that hears nothing of the end is left to itself.
func TestStuck(t *testing.T) {
	m, _ := node(t, "aks-aesm-good")
	stuck := make(chan struct{})
	defer close(stuck)
	m.Node.AESM = func(context.Context, string) (time.Duration, error) {
		<-stuck
		return 0, nil
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	var others, ended int
	for _, f := range doctor.Examine(ctx, m.Node) {
		checkFix(t, f)
		if f.Check != "aesm" {
			others++
		} else if f.Status == doctor.Failure && strings.Contains(f.Says, "did not end") {
			ended++
		}
	}
	if others < 13 || ended != 1 {
		t.Errorf("%d others, %d that did not end", others, ended)
	}
}

func TestBeginning(t *testing.T) {
	var b doctor.Beginning
	for range 3 {
		if n, err := b.Write(make([]byte, 3000)); n != 3000 || err != nil {
			t.Error(n, err)
		}
	}
	if len(b) != 4096 {
		t.Error(len(b))
	}
}

// This machine, whatever it is, without its network.
func TestHere(t *testing.T) {
	n := doctor.Here(func(context.Context, string) (time.Duration, error) { return 0, errors.New("not asked") })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	said := map[string]bool{}
	for _, f := range doctor.Examine(ctx, n) {
		said[f.Check] = true
		if f.Says == "" || (f.Fix == "") != (f.Status == doctor.OK) {
			t.Errorf("%+v", f)
		}
	}
	if len(said) != 14 {
		t.Errorf("only %v", said)
	}
}
