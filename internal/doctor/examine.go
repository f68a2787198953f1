package doctor

import (
	"context"
	"fmt"
	"time"
)

// checkTime bounds each check, most of which take no time at all.
const checkTime = 15 * time.Second

// Examine makes every check, in the order in which it is best to mend what
// they find. It takes as long as the services that are asked, at most 15
// seconds for each check.
func Examine(ctx context.Context, n *Node) []Finding {
	var all []Finding
	for _, c := range checks() {
		all = append(all, c.findings(ctx, n)...)
	}
	return all
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
		{"collateral", collateral},
		{"clock", clock},
		{"ego", ego},
		{"container", container},
	}
}

// findings are those of a check that ends in time. One that does not, as on a
// file system whose server is gone, is left to itself.
func (c check) findings(ctx context.Context, n *Node) []Finding {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	done := make(chan []Finding, 1)
	go func() {
		r := &report{check: c.name}
		c.look(ctx, n, r)
		done <- r.findings
	}()
	// A check that hears of the end of ctx has a moment to say so itself.
	late, stop := context.WithTimeout(context.WithoutCancel(ctx), checkTime+time.Second)
	defer stop()
	select {
	case f := <-done:
		return f
	case <-late.Done():
		return []Finding{{c.name, Failure, fmt.Sprintf("the check did not end in %v", checkTime), "look for file systems and devices that do not answer: `dmesg | tail`"}}
	}
}
