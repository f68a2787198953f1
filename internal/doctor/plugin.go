package doctor

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Where the kubelet and device plugins meet.
const (
	pluginFolder = "var/lib/kubelet/device-plugins"
	checkpoint   = pluginFolder + "/kubelet_internal_checkpoint"
)

// resource is what a pod asks for.
type resource struct {
	name   string
	socket string // of its plugin, if it is known
	use    string
}

// resources are those of the plugins of Intel, Azure and Alibaba Cloud. Intel's
// has the EPC itself registered by node feature discovery, with no plugin.
func resources() []resource {
	return []resource{
		{"sgx.intel.com/epc", "sgx.intel.com-epc.sock", "EPC: `cleave manifest -dialect aks` or `-dialect intel`"},
		{"sgx.intel.com/enclave", "sgx.intel.com-enclave.sock", "/dev/sgx_enclave"},
		{"sgx.intel.com/provision", "sgx.intel.com-provision.sock", "/dev/sgx_provision, for quotes made in process"},
		{ackResource, "sgx.sock", "EPC in MiB: `cleave manifest -dialect ack`"},
		{"kubernetes.azure.com/sgx_epc_mem_in_MiB", "", "EPC in MiB, AKS's name of before: `cleave manifest -dialect aks-legacy`"},
	}
}

const ackResource = "alibabacloud.com/sgx_epc_MiB"

// plugins says which resources pods on this node can ask for.
func (n *Node) plugins(r *report) {
	if !n.exists(pluginFolder) {
		r.ok("not in a pod, nor on a node of Kubernetes that can be seen")
		return
	}
	r.ok("not in a pod, but on a node: all it offers is shown by `kubectl get node %s -o jsonpath='{.status.allocatable}'`", n.node())
	registered, err := n.registered()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.warn(readCheckpoint(err), "/%s cannot be read: %v", checkpoint, cause(err))
	}
	any := false // or hidden
	for _, s := range resources() {
		count, known := registered[s.name]
		_, err := n.Stat(pluginFolder + "/" + s.socket)
		listens := s.socket != "" && err == nil
		any = any || known || listens || errors.Is(err, fs.ErrPermission)
		n.offered(r, s, count, known, listens, registered != nil)
	}
	if !any {
		r.fail("AKS: `az aks enable-addons --addons confcom --name CLUSTER --resource-group GROUP`; ACK: install sgx-device-plugin, of the console's add-ons; elsewhere, Intel's, after node feature discovery, which tells it the EPC: "+intelPlugin(),
			"no device plugin for SGX is there: no pod gets EPC or devices")
	}
}

func readCheckpoint(err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return "run it as root, `sudo cleave doctor`, to see what the kubelet knows"
	}
	return "look again, for it may have been about to be written; then see what the kubelet says of it: `journalctl -u kubelet | grep checkpoint`"
}

// intelPlugin has one command for each of the overlays that are needed, in order.
func intelPlugin() string {
	const apply = "`kubectl apply -k 'https://github.com/intel/intel-device-plugins-for-kubernetes/deployments/%s?ref=v0.36.0'`"
	return fmt.Sprintf(apply+", "+apply+", "+apply, "nfd", "nfd/overlays/node-feature-rules", "sgx_plugin/overlays/epc-nfd")
}

// offered is about one resource. Counts are devices: with ACK, MiB.
func (n *Node) offered(r *report, s resource, count int, known, listens, all bool) {
	const restart = "restart the plugin: `kubectl get pods -A -o wide | grep sgx` names its pod on this node, and after `kubectl delete pod -n NAMESPACE POD` its daemon set makes another"
	switch {
	case known && count == 0:
		r.fail(restart, "%s is registered, and there is none: its plugin is gone or finds no SGX", s.name)
	case known && s.name == ackResource && n.Enclave != nil && count < n.Enclave.EPCMiB():
		r.fail("use a node with more EPC, or a smaller heapSize in enclave.json: `cleave manifest -dialect ack`", "%s: %d, and the enclave needs %d: no pod with it is scheduled here", s.name, count, n.Enclave.EPCMiB())
	case known:
		r.ok("%s: %d, %s", s.name, count, s.use)
	case listens && all:
		r.warn(restart, "the plugin of %s listens, and the kubelet does not know it", s.name)
	case listens:
		r.ok("%s has a plugin that listens, %s", s.name, s.use)
	}
}

// maxCheckpoint is more than a kubelet writes of a node whose EPC is divided
// into devices of 1 MiB, with all of them in use.
const maxCheckpoint = 16 << 20

// registered returns how many devices the kubelet knows of each resource.
func (n *Node) registered() (map[string]int, error) {
	b, err := n.readUpTo(checkpoint, maxCheckpoint)
	if err != nil {
		return nil, err
	}
	var kept struct {
		Data struct{ RegisteredDevices map[string][]string }
	}
	if err := json.Unmarshal(b, &kept); err != nil {
		return nil, err
	}
	counts := make(map[string]int, len(kept.Data.RegisteredDevices))
	for name, devices := range kept.Data.RegisteredDevices {
		counts[name] = len(devices)
	}
	return counts, nil
}

// node is this node's name, by which kubectl finds it, most often.
func (n *Node) node() string {
	b, _ := n.read("proc/sys/kernel/hostname")
	return label(strings.TrimSpace(string(b)), "NODE")
}

// podAnnotation is one of those that the downward API has put where it is
// usual, /etc/podinfo.
func (n *Node) podAnnotation(name string) (value string, ok bool) {
	b, _ := n.read("etc/podinfo/annotations")
	lines := strings.Split(string(b), "\n")
	i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, name+"=") })
	if i < 0 {
		return "", false
	}
	return strings.Trim(strings.TrimPrefix(lines[i], name+"="), `"`), true
}
