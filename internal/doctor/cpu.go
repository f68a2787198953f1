package doctor

import (
	"context"
	"slices"
	"strconv"
	"strings"
)

// What AKS is told for other nodes, or newer ones.
const (
	addNodes     = "az aks nodepool add --cluster-name CLUSTER --resource-group GROUP --name sgx --node-vm-size Standard_DC8s_v3"
	upgradeNodes = "az aks nodepool upgrade --cluster-name CLUSTER --resource-group GROUP --name POOL --node-image-only"
)

// cpu reads what Linux says of the processor. From 5.11 on it shows sgx only
// where the firmware has it enabled.
func cpu(_ context.Context, n *Node, r *report) {
	b, err := n.read("proc/cpuinfo")
	if err != nil {
		r.fail("run it on the node, or with /proc mounted: `mount -t proc proc /proc`", "/proc/cpuinfo cannot be read: %v", err)
		return
	}
	flags := field(string(b), "flags")
	model := strings.Join(field(string(b), "model name"), " ")
	switch {
	case !slices.Contains(flags, "sgx"):
		r.fail("use a machine with SGX: on Azure DCsv3 or DCdsv3, `"+addNodes+"`, on Alibaba Cloud g7t, c7t or r7t; on one's own, enable SGX in the firmware until `grep -w sgx /proc/cpuinfo` finds it; to develop without, `cleave run --simulate`",
			"the CPU has no SGX, or the firmware or hypervisor has it disabled (%q)", model)
	case !slices.Contains(flags, "sgx_lc"):
		r.fail("enable flexible launch control in the firmware, until `grep -w sgx_lc /proc/cpuinfo` finds it; quotes by DCAP need it",
			"the CPU has SGX without launch control (%q)", model)
	default:
		r.ok("SGX with launch control (%q)", model)
	}
}

// field returns the words of the first line "name : words".
func field(text, name string) []string {
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.Fields(value)
		}
	}
	return nil
}

func kernel(_ context.Context, n *Node, r *report) {
	b, err := n.read("proc/sys/kernel/osrelease")
	release := strings.TrimSpace(string(b))
	major, minor, known := version(release)
	switch {
	case err != nil || !known:
		r.warn("check `uname -r`: 5.11 or newer", "the kernel's release is not known (%q)", release)
	case major < 5 || major == 5 && minor < 11:
		r.fail("use Linux 5.11 or newer, which has the SGX driver; on AKS, `"+upgradeNodes+"`", "Linux %s has no SGX driver of its own", release)
	default:
		r.ok("Linux %s", release)
	}
}

// version reads the first two numbers of a release such as 5.15.0-1041-azure.
func version(release string) (major, minor int, ok bool) {
	parts := strings.SplitN(release, ".", 3)
	if len(parts) < 2 {
		return 0, 0, false
	}
	major, err := strconv.Atoi(parts[0])
	if err != nil {
		return 0, 0, false
	}
	digits := len(parts[1]) - len(strings.TrimLeft(parts[1], "0123456789"))
	minor, err = strconv.Atoi(parts[1][:digits])
	return major, minor, err == nil
}
