package doctor

import (
	"context"
	"strconv"
	"strings"
)

func ego(ctx context.Context, n *Node, r *report) {
	version, err := n.EGo(ctx)
	switch {
	case err != nil && n.exists("opt/ego/bin/ego"):
		r.warn("add /opt/ego/bin to PATH", "EGo is in /opt/ego, and not in PATH")
	case err != nil:
		r.warn("`snap install ego-dev --classic`, or Intel's repository and the package of github.com/edgelesssys/ego; in an image, FROM ghcr.io/edgelesssys/ego-deploy",
			"EGo is not installed; a trusted half in a bundle (`ego bundle`) needs none")
	default:
		r.ok("EGo %.60q", strings.TrimSpace(version))
	}
}

// plugins are the sockets by which device plugins offer a resource on a node.
func plugins() map[string]string {
	return map[string]string{
		"var/lib/kubelet/device-plugins/sgx.intel.com-epc.sock":       "sgx.intel.com/epc",
		"var/lib/kubelet/device-plugins/sgx.intel.com-enclave.sock":   "sgx.intel.com/enclave",
		"var/lib/kubelet/device-plugins/sgx.intel.com-provision.sock": "sgx.intel.com/provision",
	}
}

// minMemory is what EGo's launcher takes beside the enclave.
const minMemory = 256 << 20

// container looks at the limits this process is under.
func container(_ context.Context, n *Node, r *report) {
	if _, set := n.Env("KUBERNETES_SERVICE_HOST"); !set {
		r.ok("not in a pod")
		for name, resource := range plugins() {
			if n.exists(name) {
				r.ok("a device plugin offers %s", resource)
			}
		}
		return
	}
	r.ok("which resources the pod asked for cannot be seen from inside: `kubectl get pod NAME -o jsonpath='{.spec.containers[*].resources}'`")
	limit, ok := n.memoryLimit()
	switch {
	case !ok:
		r.ok("in a pod without a memory limit")
	case limit < minMemory:
		r.fail(`raise resources.limits "memory": the enclave's heap is loaded through it`, "the container may use %d MiB of memory", limit>>20)
	default:
		r.ok("in a pod with %d MiB of memory", limit>>20)
	}
}

// memoryLimit is the container's, if it has one.
func (n *Node) memoryLimit() (bytes uint64, ok bool) {
	for _, name := range []string{"sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		b, err := n.read(name)
		if err != nil {
			continue
		}
		limit, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
		const none = 1 << 62 // as version 1 of cgroups writes it, about
		return limit, err == nil && limit < none
	}
	return 0, false
}
