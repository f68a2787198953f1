package doctor

import (
	"context"
	"fmt"
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

// minMemory is what EGo's launcher takes beside the enclave.
const minMemory = 256 << 20

// container looks at what the node or the pod offers, and at the limits this
// process is under.
func container(_ context.Context, n *Node, r *report) {
	if n.inPod() {
		n.resources(r)
	} else {
		n.plugins(r)
	}
	limit, ok := n.memoryLimit()
	switch need := n.memory(); {
	case !ok:
		r.ok("no limit of memory but the machine's")
	case limit < need:
		r.fail(fmt.Sprintf("resources.limits \"memory\": \"%[1]dMi\", or more; without Kubernetes, `docker run --memory %[1]dm`: the enclave is loaded through it, and what Linux pages out of the EPC is charged to it", need>>20),
			"the container may use %d MiB of memory, and needs %d", limit>>20, need>>20)
	default:
		r.ok("%d MiB of memory, and %d are needed", limit>>20, need>>20)
	}
}

// resources says what a pod knows of what it asked for.
func (n *Node) resources(r *report) {
	r.ok("in a pod; which resources it asked for cannot be seen from inside: `kubectl get pod %s -o jsonpath='{.spec.containers[*].resources}'`", n.pod())
	if provider, ok := n.podAnnotation("sgx.intel.com/quote-provider"); ok && provider == "aesmd" && !n.outOfProcess() {
		r.fail("see whether the webhook of Intel's plugin is there, `kubectl get mutatingwebhookconfigurations | grep sgx`, and have the pod made again; or set SGX_AESM_ADDR: \"1\"",
			"the pod is annotated with the quote provider aesmd, and nobody has set %s", aesmVariable)
	}
}

// memory is what the container needs, at least.
func (n *Node) memory() (bytes uint64) {
	if n.Enclave == nil {
		return minMemory
	}
	return uint64(n.Enclave.MemoryMiB()) << 20
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
