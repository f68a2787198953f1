package doctor

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"strings"
	"time"
)

const (
	aesmVariable = "SGX_AESM_ADDR"
	aesmSocket   = "var/run/aesmd/aesm.socket"
)

// outOfProcess is what EGo and Open Enclave go by: any value counts, even none.
func (n *Node) outOfProcess() bool {
	_, set := n.Env(aesmVariable)
	return set
}

// quotes says which of the two ways to a quote is set up.
func quotes(_ context.Context, n *Node, r *report) {
	_, device := n.first(provisionDevices()...)
	socket := n.exists(aesmSocket)
	switch {
	case n.outOfProcess():
		r.ok("made by AESM (%s is set)", aesmVariable)
	case socket && !device:
		r.fail(`set the environment variable SGX_AESM_ADDR: "1" (with the quotes) in the container`,
			"the socket of AESM is there, but %s is not set, so that quotes are made in process, which needs /dev/sgx_provision", aesmVariable)
	default:
		r.ok("made in process (%s is not set)", aesmVariable)
	}
}

func aesm(ctx context.Context, n *Node, r *report) {
	if !n.outOfProcess() {
		r.ok("not asked for")
		return
	}
	const enable = "AKS: `az aks addon update --addon confcom --enable-sgxquotehelper --name CLUSTER --resource-group GROUP`, and mount hostPath /var/run/aesmd at /var/run/aesmd, as `cleave manifest -quotes aesm` writes it; " +
		"elsewhere, on the node `apt install sgx-aesm-service libsgx-aesm-ecdsa-plugin` and `systemctl start aesmd`"
	e, err := n.Stat(aesmSocket)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.fail(enable, "there is no /%s: the node's quote helper is off (it is by default), or not mounted", aesmSocket)
		return
	case err != nil:
		r.fail(enable, "/%s: %v", aesmSocket, err)
		return
	case e.Mode&fs.ModeSocket == 0:
		r.fail(enable, "/%s is not a socket: a hostPath of the wrong type has made something in its place", aesmSocket)
		return
	}
	took, err := n.AESM(ctx, "/"+aesmSocket)
	if err != nil {
		r.fail("look at the service's log: `kubectl -n kube-system logs daemonset/sgx-quote-helper`, or `journalctl -u aesmd`", "AESM does not answer as it should: %.300v", err)
		return
	}
	r.ok("AESM has named its quoting enclave in %v", took.Round(time.Millisecond))
}

// libraries looks for what EGo's launcher loads.
func libraries(_ context.Context, n *Node, r *report) {
	for _, l := range []struct{ name, why, fix string }{
		{"libsgx_enclave_common.so.1", "which starts enclaves", "`apt install libsgx-enclave-common` from Intel's repository"},
		{n.quoteLibrary(), "which makes quotes", "`apt install " + n.quotePackage() + "` from Intel's repository"},
		{"libdcap_quoteprov.so", "which fetches the CPU's certificates and collateral", "`apt install libsgx-dcap-default-qpl` from Intel's repository (with a PCCS), or `apt install az-dcap-client` from Microsoft's (on Azure)"},
	} {
		if !n.library(l.name) {
			r.fail(n.inImage(l.fix), "%s is missing, %s", l.name, l.why)
			continue
		}
		r.ok("%s", l.name)
	}
}

// inImage is where what is missing in a pod has to be.
func (n *Node) inImage(fix string) string {
	if n.inPod() {
		return "in the image, " + fix
	}
	return fix
}

func (n *Node) quoteLibrary() string {
	if n.outOfProcess() {
		return "libsgx_quote_ex.so.1"
	}
	return "libsgx_dcap_ql.so.1"
}

func (n *Node) quotePackage() string {
	if n.outOfProcess() {
		return "libsgx-quote-ex"
	}
	return "libsgx-dcap-ql"
}

func (n *Node) library(name string) bool {
	folders := []string{"usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib64", "lib64", "usr/lib", "usr/local/lib", "opt/ego/lib"}
	set, _ := n.Env("LD_LIBRARY_PATH")
	for folder := range strings.SplitSeq(set, ":") {
		if path.IsAbs(folder) {
			folders = append(folders, rooted(folder))
		}
	}
	for _, folder := range folders {
		for _, suffix := range []string{"", ".1"} {
			if n.exists(path.Join(folder, strings.TrimSuffix(name, suffix)+suffix)) {
				return true
			}
		}
	}
	return false
}
