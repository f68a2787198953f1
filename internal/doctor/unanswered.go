package doctor

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"github.com/cleave-sdk/cleave/attest"
)

// unanswered says why there is no collateral, as far as that has different
// remedies.
func (n *Node) unanswered(r *report, a *inquiry) {
	says, fix := n.trouble(a)
	r.fail(fix, "no collateral from %s: %s", a.service, says)
}

func (n *Node) trouble(a *inquiry) (says, fix string) {
	name, address := a.host()
	var unknown *net.DNSError
	var untrusted *tls.CertificateVerificationError
	var timeout net.Error
	switch err := a.err; {
	case errors.As(err, &unknown):
		return fmt.Sprintf("its name %s is not resolved", name), n.resolve(name)
	case errors.As(err, &untrusted):
		return n.untrusted(untrusted.Err, a)
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens at " + address, n.listen(name, a)
	case errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EHOSTUNREACH):
		return "there is no way to " + address, n.reach(a)
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Sprintf("no whole answer within %v", checkTime), n.reach(a)
	case a.heard.refused() != 0:
		return n.refused(a.heard.refused(), a)
	}
	return fmt.Sprintf("what answers there is no such service: %.300s", inner(a.err)),
		"see what it is, and correct the URL in " + n.named() + ": " + a.curl("")
}

// inner leaves out which of several addresses was asked first, and what the
// finding says itself.
func inner(err error) string {
	var asked *url.Error
	if errors.As(err, &asked) {
		return asked.Err.Error()
	}
	return strings.TrimPrefix(err.Error(), "attest: "+attest.ErrCollateral.Error()+": ")
}

func (n *Node) resolve(name string) string {
	if n.inPod() {
		return "`kubectl exec " + n.pod() + " -- getent hosts " + name + "` must print an address: a NetworkPolicy must let the pod ask port 53 of kube-system, " +
			"where `kubectl -n kube-system get pods -l k8s-app=kube-dns` must run; or name another service in " + n.named()
	}
	return "`getent hosts " + name + "` must print an address: correct the nameserver in /etc/resolv.conf, or name another service in " + n.named() + "; behind a proxy, `export HTTPS_PROXY=http://PROXY:PORT`"
}

func (n *Node) listen(name string, a *inquiry) string {
	ip := net.ParseIP(name)
	local := name == "localhost" || ip.IsLoopback()
	switch {
	case local && n.inPod():
		return name + " is the pod itself: in " + n.named() + `, name the service, such as "pccs_url": "` + n.sampleURL() + `"`
	case local:
		return "start the caching service: `systemctl start pccs`; `journalctl -u pccs` says why it has stopped"
	}
	return "correct host and port in " + n.named() + ", or start the caching service there, `systemctl start pccs`; then " + a.curl("") + " answers"
}

func (n *Node) reach(a *inquiry) string {
	name, _ := a.host()
	curl := a.curl(" --max-time 10")
	if n.inPod() {
		return "let the pod out to " + name + ": `kubectl get networkpolicy -A` shows what holds it back, and the cloud's firewall may; " + curl + " in the pod must answer"
	}
	return "let this machine out to " + name + " (firewall, proxy: `export HTTPS_PROXY=http://PROXY:PORT`): " + curl + " must answer"
}

// untrusted is about the service's certificate, which protects nothing that
// Intel has not signed, but for privacy.
func (n *Node) untrusted(err error, a *inquiry) (says, fix string) {
	_, address := a.host()
	show := "`openssl s_client -connect " + address + " </dev/null | openssl x509 -noout "
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &authority):
		return "nobody this machine trusts has signed its certificate",
			"put its CA's certificate into /usr/local/share/ca-certificates/pccs.crt and `update-ca-certificates`, in the image too; or \"use_secure_cert\": false in " + n.named() + ": Intel has signed what it serves"
	case errors.As(err, &name):
		return "its certificate is of another name", "in " + n.named() + ", name it as its certificate does: " + show + "-ext subjectAltName`"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "its certificate has expired, or is of the future, by this clock", "compare with `date -u`, and renew the service's certificate or correct the clock: " + show + "-dates`"
	}
	return fmt.Sprintf("its certificate is no good: %.200v", err), "have the service get another: " + show + "-text`"
}

func (n *Node) refused(status int, a *inquiry) (says, fix string) {
	says = fmt.Sprintf("it answers with status %d", status)
	curl := a.curl("")
	switch {
	case status >= 300 && status < 400:
		return says + ", and redirects are not followed", "name the URL it redirects to in " + n.named() + ": " + curl + " shows it"
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return says + ": it wants credentials, or a proxy does", "see who asks for them: " + curl
	case status == http.StatusTooManyRequests || status >= 500:
		return says + ": it is busy, or cannot ask Intel itself", "try again; on one's own service, `journalctl -u pccs` says why, often its ApiKey or proxy in /opt/intel/sgx-dcap-pccs/config/default.json"
	case a.kind.guess:
		return fmt.Sprintf("%s: it has nothing about CPUs of kind %v, which this one may not be, or is no such service", says, attest.FMSPC(a.kind.FMSPC)),
			"name the kind: `cleave doctor -quote FILE`; see whether the URL is right: " + curl
	}
	return fmt.Sprintf("%s: it has nothing about CPUs of kind %v, or is no such service", says, attest.FMSPC(a.kind.FMSPC)),
		"a URL ends in /sgx/certification/v4/, " + n.named() + ", and " + curl + " answers; a service without a way to Intel has the platform registered first, by `PCKIDRetrievalTool`"
}
