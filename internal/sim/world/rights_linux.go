package world

import (
	"golang.org/x/sys/unix"
)

// kept are the rights to other users' files, and to network addresses, that
// EGo, which has the host's processes use them, gives an enclave that root
// started. By none of them can the host's file system be had again.
const kept = 1<<unix.CAP_CHOWN | 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_FOWNER | 1<<unix.CAP_FSETID |
	1<<unix.CAP_NET_BIND_SERVICE | 1<<unix.CAP_NET_RAW

// renounce takes all capabilities but those from the child, which cannot get
// others: it can execute no program. In a user namespace, where they go no
// further than its user's own rights, it keeps none.
func (b *builder) renounce() error {
	has, err := capabilities(b.child.Pid())
	if err != nil {
		return err
	}
	keep := uint64(kept)
	if !capable(unix.CAP_SYS_ADMIN) {
		keep = 0
	}
	for i := range has {
		mask := uint32(keep >> (32 * i))
		has[i] = unix.CapUserData{Effective: has[i].Effective & mask, Permitted: has[i].Permitted & mask}
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	b.call("capset", unix.SYS_CAPSET, structure(&header), structure(&has))
	return b.err
}

// capabilities are those of a process, or with 0 of this thread.
func capabilities(pid int) (data [2]unix.CapUserData, err error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3, Pid: int32(pid)}
	err = unix.Capget(&header, &data[0])
	return data, err
}

func capable(capability int) bool {
	has, err := capabilities(0)
	return err == nil && has[capability/32].Effective&(1<<(capability%32)) != 0
}
