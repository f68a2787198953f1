package world

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

func refused(err error) error {
	return fmt.Errorf("%w (%w): %s", ErrRefused, err, why(err))
}

// why says what to do, in the order of what is certain.
func why(err error) string {
	switch {
	case errors.Is(err, unix.ENOSYS):
		return "the kernel is too old or not Linux itself, as under gVisor; use Linux 5.12 or newer"
	case capable(unix.CAP_SYS_ADMIN):
		return "a security module or seccomp filter denies mounts; in a container, run it with --security-opt seccomp=unconfined --security-opt apparmor=unconfined"
	case setting("/proc/sys/user/max_user_namespaces") == "0" || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EUSERS):
		return "there are no user namespaces to be had; raise the sysctl user.max_user_namespaces"
	case setting("/proc/sys/kernel/unprivileged_userns_clone") == "0":
		return "only root may have user namespaces; set the sysctl kernel.unprivileged_userns_clone to 1"
	case setting("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
		return "AppArmor denies mounts in user namespaces, as on Ubuntu 24.04; set the sysctl kernel.apparmor_restrict_unprivileged_userns to 0, or give the program a profile that allows userns"
	}
	return "a container or its seccomp profile denies namespaces; in Docker, run it with --security-opt seccomp=unconfined --security-opt apparmor=unconfined"
}

func setting(name string) string {
	b, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
