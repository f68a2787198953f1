package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// The devices of the driver in Linux since 5.11, then those of the driver
// before it.
func enclaveDevices() []string   { return []string{"dev/sgx_enclave", "dev/sgx/enclave"} }
func provisionDevices() []string { return []string{"dev/sgx_provision", "dev/sgx/provision"} }

// bring says how a device comes to where it is missing.
func (n *Node) bring(device string) string {
	switch {
	case n.inPod() && device == "sgx_provision":
		return `resources.limits "sgx.intel.com/provision": 1 (AKS, Intel device plugin)`
	case n.inPod():
		return `resources.limits "sgx.intel.com/epc" (AKS, Intel device plugin), "alibabacloud.com/sgx_epc_MiB" (ACK) or "kubernetes.azure.com/sgx_epc_mem_in_MiB" (AKS before), as ` + "`cleave manifest` writes them"
	}
	return "`dmesg | grep -i sgx` says why the driver made none, if SGX is disabled in the firmware; in a container, `docker run --device /dev/" + device + "`"
}

func enclaveDevice(_ context.Context, n *Node, r *report) {
	name, ok := n.first(enclaveDevices()...)
	if !ok && n.exists("dev/isgx") {
		r.fail("remove that driver, `modprobe -r isgx`, and use Linux 5.11 or newer", "there is /dev/isgx, of a driver without launch control, and no /dev/sgx_enclave")
		return
	}
	if !ok {
		r.fail(n.bring("sgx_enclave"), "there is no /dev/sgx_enclave")
		return
	}
	n.openDevice(r, name, "sgx_enclave")
}

// provisionDevice is what makes quotes in process; with AESM the service has
// it, and the container does better without.
func provisionDevice(_ context.Context, n *Node, r *report) {
	name, ok := n.first(provisionDevices()...)
	switch {
	case n.outOfProcess() && ok:
		r.warn(`take "sgx.intel.com/provision" out of the container's limits`, "/%s is not needed: SGX_AESM_ADDR has quotes made by AESM", name)
	case n.outOfProcess():
		r.ok("not needed: AESM makes the quotes")
	case !ok:
		r.fail(n.bring("sgx_provision")+`; or have AESM make the quotes, with /var/run/aesmd mounted and SGX_AESM_ADDR: "1"`, "there is no /dev/sgx_provision, which quotes made in process need")
	default:
		n.openDevice(r, name, "sgx_provision")
	}
}

// openDevice tries whether a device, today's name of which is given too, can be
// used, since a container may have the file without the right.
func (n *Node) openDevice(r *report, name, device string) {
	e, err := n.Stat(name)
	if err == nil && e.Mode&fs.ModeCharDevice == 0 {
		r.fail(n.bring(device), "/%s is not a device", name)
		return
	}
	if err == nil {
		err = n.Open(name)
	}
	switch {
	case err == nil:
		r.ok("/%s opens", name)
	case errors.Is(err, fs.ErrPermission) && n.allowed(e):
		r.fail(n.bring(device), "/%s is refused although its mode allows it: the container's device rules do not", name)
	case errors.Is(err, fs.ErrPermission):
		r.fail(n.admit(e, device), "/%s is %v of user %d and group %s, and this process is user %d in groups %v", name, e.Mode, e.UID, n.group(e.GID), n.UID, n.Groups)
	default:
		r.fail(n.bring(device), "/%s does not open: %v", name, cause(err))
	}
}

// admit says how this process comes to use a device. A group goes by its number:
// its name is the image's, and may be another group's on the node.
func (n *Node) admit(e Entry, device string) string {
	const readWrite = 0o060
	switch {
	case e.GID <= 0 || e.Mode.Perm()&readWrite != readWrite:
		return fmt.Sprintf("on the node, as root, have its group use it: `groupadd -rf sgx_prv && echo 'SUBSYSTEM==\"misc\", KERNEL==\"%[1]s\", GROUP=\"sgx_prv\", MODE=\"0660\"' > /etc/udev/rules.d/93-%[1]s.rules && "+
			"udevadm control --reload && udevadm trigger /dev/%[1]s`; then be in that group, whose number `getent group sgx_prv` prints", device)
	case n.inPod():
		return fmt.Sprintf("`securityContext: {supplementalGroups: [%d]}` in the pod's spec", e.GID)
	}
	return fmt.Sprintf("add the user to the group, as root, and log in again: `usermod -aG %d USER`", e.GID)
}

// allowed reports whether the mode lets this process read and write.
func (n *Node) allowed(e Entry) bool {
	const readWrite = 0o6
	mode := e.Mode.Perm()
	switch {
	case n.UID == 0:
		return true
	case n.UID == e.UID:
		return mode>>6&readWrite == readWrite
	case slices.Contains(n.Groups, e.GID):
		return mode>>3&readWrite == readWrite
	}
	return mode&readWrite == readWrite
}

// group is the number of a group and, if it is fit to be one, its name.
func (n *Node) group(gid int) string {
	number := strconv.Itoa(gid)
	b, _ := n.read("etc/group")
	for line := range strings.Lines(string(b)) {
		if f := strings.Split(line, ":"); len(f) >= 3 && f[2] == number && pastes(groupPattern, f[0]) {
			return number + " (" + f[0] + ")"
		}
	}
	return number
}
