package doctor

import (
	"context"
	"io/fs"
	"strconv"
	"strings"
)

// lowEPC is the least that is left for a small trusted half under EGo.
const lowEPC = 64 << 20

// epc looks for the size of the protected memory, and for what is left, where
// Linux shows them: by NUMA node since 5.17, in the misc controller of cgroups
// since 6.13.
func epc(_ context.Context, n *Node, r *report) {
	total, known := n.epcTotal()
	if !known {
		r.warn("look in the kernel's log: `dmesg | grep 'sgx: EPC section'`", "the size of the EPC is not shown here")
		return
	}
	if total == 0 {
		r.fail("give the firmware (PRMRR) or the virtual machine (`-device … memory-backend-epc`) EPC", "there is no EPC")
		return
	}
	used, known := n.misc("sys/fs/cgroup/misc.current")
	if !known {
		r.ok("EPC of %d MiB; how much is in use is not shown here", total>>20)
		return
	}
	limit := total
	if most, ok := n.misc("sys/fs/cgroup/misc.max"); ok {
		limit = min(limit, most)
	}
	left := limit - min(used, limit)
	if left < lowEPC {
		r.fail("stop other enclaves, raise the container's EPC limit, or use a larger node: what does not fit is paged, and starts fail",
			"%d MiB of %d MiB EPC are left", left>>20, limit>>20)
		return
	}
	r.ok("%d MiB of %d MiB EPC are left", left>>20, limit>>20)
}

func (n *Node) epcTotal() (bytes uint64, known bool) {
	names, _ := fs.Glob(n.Files, "sys/devices/system/node/node*/x86/sgx_total_bytes")
	for _, name := range names {
		b, err := n.read(name)
		size, bad := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
		if err == nil && bad == nil {
			bytes, known = bytes+size, true
		}
	}
	if known {
		return bytes, true
	}
	return n.misc("sys/fs/cgroup/misc.capacity")
}

// misc reads the line sgx_epc of the misc controller.
func (n *Node) misc(name string) (bytes uint64, ok bool) {
	b, _ := n.read(name)
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) != 2 || f[0] != "sgx_epc" {
			continue
		}
		size, err := strconv.ParseUint(f[1], 10, 64)
		return size, err == nil
	}
	return 0, false
}
