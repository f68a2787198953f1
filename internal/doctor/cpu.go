package doctor

import (
	"context"
	"slices"
	"strconv"
	"strings"
)

// cpu reads what Linux says of the processor. From 5.11 on it shows sgx only
// where the firmware has it enabled.
func cpu(_ context.Context, n *Node, r *report) {
	b, err := n.read("proc/cpuinfo")
	if err != nil {
		r.fail("run it on the node, or with /proc mounted", "/proc/cpuinfo cannot be read: %v", err)
		return
	}
	flags := field(string(b), "flags")
	model := strings.Join(field(string(b), "model name"), " ")
	switch {
	case !slices.Contains(flags, "sgx"):
		r.fail("use a machine with SGX: Azure DCsv2, DCsv3 or DCdsv3, Alibaba g7t, c7t or r7t; on one's own, enable SGX in the firmware",
			"the CPU has no SGX, or the firmware or hypervisor has it disabled (%q)", model)
	case !slices.Contains(flags, "sgx_lc"):
		r.fail("enable flexible launch control in the firmware; quotes by DCAP need it",
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
		r.fail("use Linux 5.11 or newer, which has the SGX driver; on AKS and ACK, a newer node image", "Linux %s has no SGX driver of its own", release)
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
