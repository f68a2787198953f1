package ocalltest_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/cleave-sdk/cleave/ocall"
	"github.com/cleave-sdk/cleave/ocall/ocalltest"
)

// content is what an honest host answers.
func content(n uint64) []byte { return bytes.Repeat([]byte{byte(n)}, 100) }

// told is what an unwary caller gets of n calls that are under way at once and
// answered in the given order, by two names.
func told(t *testing.T, a ocalltest.Attacker, order []int) []string {
	t.Helper()
	var calls [2]ocall.Func[uint64, []byte]
	entered, release := make(chan struct{}), make([]chan struct{}, len(order))
	var mux ocall.Mux
	for i := range calls {
		calls[i] = ocall.Func[uint64, []byte]{Name: fmt.Sprint(i), Check: ocall.Unchecked[uint64, []byte]}
		calls[i].Handle(&mux, func(ctx context.Context, n uint64) ([]byte, error) {
			entered <- struct{}{}
			<-release[n]
			return content(n), nil
		})
	}
	conn := a.Pipe(t, &mux, ocall.Service{calls[0], calls[1]})
	got, done := make([]string, len(order)), make([]chan struct{}, len(order))
	for n := range order {
		release[n], done[n] = make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done[n])
			b, err := calls[n%2].Call(t.Context(), conn, uint64(n))
			got[n] = fmt.Sprintf("%x %v", b, err)
		}()
		<-entered
	}
	for _, n := range order {
		close(release[n])
		<-done[n]
	}
	return got
}

// One seed bends the same calls in the same way, again and again; what a call's
// own answer becomes does not depend on which is ready first either.
func TestSeeds(t *testing.T) {
	up, down := make([]int, 40), make([]int, 40)
	for i := range up {
		up[i], down[i] = i, len(up)-1-i
	}
	own := []ocalltest.Bend{ocalltest.Flip, ocalltest.Truncate, ocalltest.Duplicate}
	all := append(own, ocalltest.Replay, ocalltest.MixUp)
	for name, row := range map[string]struct {
		a, b   ocalltest.Attacker
		answer []int
		same   bool
	}{
		"again":         {ocalltest.Attacker{Ways: all, Seed: 7}, ocalltest.Attacker{Ways: all, Seed: 7}, up, true},
		"backwards":     {ocalltest.Attacker{Ways: own, Seed: 7}, ocalltest.Attacker{Ways: own, Seed: 7}, down, true},
		"another seed":  {ocalltest.Attacker{Ways: own, Seed: 7}, ocalltest.Attacker{Ways: own, Seed: 8}, up, false},
		"in other ways": {ocalltest.Attacker{Ways: own, Seed: 7}, ocalltest.Attacker{Ways: all, Seed: 7}, up, false},
		"honest":        {ocalltest.Attacker{}, ocalltest.Attacker{Seed: 1}, up, true},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := told(t, row.a, up), told(t, row.b, row.answer)
			if slices.Equal(a, b) != row.same {
				t.Errorf("%q\n%q", a, b)
			}
			if honest := fmt.Sprintf("%x <nil>", content(3)); (a[3] == honest) != (len(row.a.Ways) == 0) {
				t.Errorf("%q", a[3])
			}
		})
	}
}

// Of several other calls, Mix Up takes the last that was answered.
func TestMixUpTakesTheLast(t *testing.T) {
	var mux ocall.Mux
	var s ocall.Service
	var calls []ocall.Func[ocall.None, []byte]
	for n := range 10 {
		f := ocall.Func[ocall.None, []byte]{Name: fmt.Sprint(n), Check: ocall.Unchecked[ocall.None, []byte]}
		f.Handle(&mux, func(context.Context, ocall.None) ([]byte, error) { return []byte{byte(n)}, nil })
		calls, s = append(calls, f), append(s, f)
	}
	conn := ocalltest.Hostile(t, &mux, s, ocalltest.MixUp)
	for n, f := range calls {
		got, err := f.Call(t.Context(), conn, ocall.None{})
		if want := byte(max(n-1, 0)); err != nil || !bytes.Equal(got, []byte{want}) {
			t.Errorf("call %d: %v, %v", n, got, err)
		}
	}
}

func TestBendNames(t *testing.T) {
	all := ocalltest.Bends()
	if got := fmt.Sprint(all); got != "[flip truncate duplicate reorder replay mix up oversize never late twice]" {
		t.Error(got)
	}
	for _, b := range []ocalltest.Bend{-1, ocalltest.Bend(len(all) + 1)} {
		if got := b.String(); got != fmt.Sprintf("Bend(%d)", int(b)) {
			t.Error(got)
		}
	}
}
