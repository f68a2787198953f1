package doctor

import (
	"context"
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

func (c check) findings(ctx context.Context, n *Node) []Finding {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	r := &report{check: c.name}
	c.look(ctx, n, r)
	return r.findings
}
