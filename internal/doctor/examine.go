package doctor

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// checkTime bounds the checks, which are made at once. Most take no time at all.
const checkTime = 15 * time.Second

// Examine makes every check, and returns what they find in the order in which
// it is best mended. It takes as long as the slowest of the services that are
// asked, at most 16 seconds.
func Examine(ctx context.Context, n *Node) []Finding {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	asking := *n
	asking.asked = sync.OnceValue(func() *inquiry { return n.inquire(ctx) })
	found := make([][]Finding, len(checks()))
	var wg sync.WaitGroup
	for i, c := range checks() {
		wg.Go(func() { found[i] = c.findings(ctx, &asking) })
	}
	wg.Wait()
	return slices.Concat(found...)
}

// check is one thing to look at.
type check struct {
	name string
	look func(context.Context, *Node, *report)
}

func checks() []check {
	return []check{
		{"cpu", cpu},
		{"kernel", kernel},
		{"enclave", enclaveDevice},
		{"epc", epc},
		{"quotes", quotes},
		{"provision", provisionDevice},
		{"aesm", aesm},
		{"libraries", libraries},
		{"qcnl", qcnl},
		{"pck", pck},
		{"collateral", collateral},
		{"clock", clock},
		{"ego", ego},
		{"container", container},
	}
}

// findings are those of a check that ends in time. One that does not, as on a
// file system whose server is gone, is left to itself.
func (c check) findings(ctx context.Context, n *Node) []Finding {
	done := make(chan []Finding, 1)
	go func() {
		r := &report{check: c.name}
		c.look(ctx, n, r)
		done <- r.findings
	}()
	select {
	case f := <-done:
		return f
	case <-ctx.Done():
	}
	// A check that hears of the end of ctx has a moment to say so itself.
	late := time.NewTimer(time.Second)
	defer late.Stop()
	select {
	case f := <-done:
		return f
	case <-late.C:
		return []Finding{{c.name, Failure, fmt.Sprintf("the check did not end in %v", checkTime), "look for file systems and devices that do not answer: `dmesg | tail`"}}
	}
}
