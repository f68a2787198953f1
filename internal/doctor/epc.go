package doctor

import (
	"context"
	"fmt"
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
	switch total, known := n.epcTotal(); {
	case !known && n.Enclave != nil:
		r.warn("compare with the kernel's log: `dmesg | grep 'sgx: EPC section'`", "the enclave needs %d MiB of EPC, whose size is not shown here", n.Enclave.EPCMiB())
	case !known:
		r.warn("look in the kernel's log: `dmesg | grep 'sgx: EPC section'`", "the size of the EPC is not shown here")
	case total == 0:
		r.fail("give the firmware (PRMRR) or the virtual machine (`-device … memory-backend-epc`) EPC", "there is no EPC")
	default:
		n.room(r, total)
	}
}

// room says whether there is some left for the enclave, or a small one.
func (n *Node) room(r *report, total uint64) {
	limit := total
	if most, ok := n.misc("sys/fs/cgroup/misc.max"); ok {
		limit = min(limit, most)
	}
	need, whose := n.protected()
	used, counted := n.misc("sys/fs/cgroup/misc.current")
	left := limit - min(used, limit)
	switch {
	case n.Enclave != nil && total < need:
		r.fail("a smaller heapSize in enclave.json, signed again, or a larger node, such as `"+addNodes+"`: what does not fit is paged, slowly, and starts fail",
			"%s needs %d MiB of EPC, and this node has %d", whose, need>>20, total>>20)
	case n.Enclave != nil && limit < need:
		r.fail(limits(need), "%s needs %d MiB of EPC, and the container may use %d", whose, need>>20, limit>>20)
	case counted && left < need:
		r.fail("stop other enclaves, or use a larger node: what does not fit is paged, and starts fail; in a pod, "+limits(need),
			"%d MiB of %d MiB EPC are left, and %s needs %d", left>>20, limit>>20, whose, need>>20)
	case counted:
		r.ok("%d MiB of %d MiB EPC are left, and %s needs %d", left>>20, limit>>20, whose, need>>20)
	default:
		r.ok("EPC of %d MiB, and %s needs %d; how much is in use is not shown here", limit>>20, whose, need>>20)
	}
}

// protected is how much EPC is needed, at least.
func (n *Node) protected() (bytes uint64, whose string) {
	if n.Enclave == nil {
		return lowEPC, "a small enclave"
	}
	return uint64(n.Enclave.EPCMiB()) << 20, "the enclave"
}

// limits are the lines of a manifest that ask for so much.
func limits(epc uint64) string {
	return fmt.Sprintf(`resources.limits "sgx.intel.com/epc": "%[1]dMi" (AKS, Intel device plugin) or "alibabacloud.com/sgx_epc_MiB": "%[1]d" (ACK), as `+"`cleave manifest` writes them", epc>>20)
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
