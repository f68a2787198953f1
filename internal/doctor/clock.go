package doctor

import (
	"context"
	"time"
)

// maxClockError is how far a clock may be off before certificates seem to be
// of the future.
const maxClockError = 2 * time.Minute

// clock compares with what Intel has signed, which cannot be of the future, and
// with the service's own, which nobody vouches for: that tells a mistake, not
// an attack.
func clock(_ context.Context, n *Node, r *report) {
	a := n.asked()
	off, known := a.heard.clock()
	if late, ok := a.future(n.Now()); ok {
		r.fail(n.setClock(min(off, n.Now().Sub(late.Issued))), "this clock says %s, and %s was signed at %s",
			n.Now().UTC().Format(time.RFC3339), late.name, late.Issued.UTC().Format(time.RFC3339))
		return
	}
	switch {
	case !known && a.err != nil:
		r.warn("mend what keeps the collateral away, or compare: `date -u`", "there is no clock to compare with: %s has not answered", a.service)
	case !known:
		r.warn("compare it with a clock that is right: `date -u`", "there is no clock to compare with: %s does not say what time it is", a.service)
	case off.Abs() > maxClockError:
		r.fail(n.setClock(off), "this clock is %v %s that of %s", off.Abs(), direction(off), a.service)
	default:
		r.ok("within %v of %s's", maxClockError, a.service)
	}
}

// future returns the youngest genuine document, if it is of the future.
func (a *inquiry) future(now time.Time) (youngest document, ok bool) {
	if a.err != nil || a.forged != nil {
		return youngest, false
	}
	for _, d := range a.documents() {
		if d.Issued.After(youngest.Issued) {
			youngest = d
		}
	}
	return youngest, youngest.Issued.After(now)
}

func direction(d time.Duration) string {
	if d < 0 {
		return "behind"
	}
	return "ahead of"
}

// setClock says how a clock is corrected that is ahead by so much.
func (n *Node) setClock(off time.Duration) string {
	_, chrony := n.first("usr/bin/chronyc", "bin/chronyc")
	_, systemd := n.first("usr/bin/timedatectl", "bin/timedatectl")
	switch {
	case n.inPod():
		return "it is the node's: find it with `kubectl get pod " + n.pod() + " -o wide`, and there `kubectl debug node/NODE -it --image=busybox -- chroot /host chronyc makestep`"
	case chrony:
		return "`chronyc makestep`, and `systemctl enable --now chronyd`"
	case systemd:
		return "`timedatectl set-ntp true`, and see with `timedatectl timesync-status` whether it finds a server"
	}
	return "`date -u -s '" + n.Now().Add(-off).UTC().Format(time.DateTime) + "'`, and have a time service installed, such as `apt install chrony`"
}
