package deploy

import (
	"errors"
	"fmt"
	"regexp"
)

// What may stand in a manifest. Everything else is refused, so that no value
// can end a line, a quotation or a comment.
const (
	labelPattern = `^[a-z0-9]([-a-z0-9]*[a-z0-9])?$` // DNS-1123
	pathPattern  = `^(/[A-Za-z0-9._-]+)+$`
	// A registry with an optional port, a path, a tag, a digest.
	imagePattern = `^([a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*(:[0-9]{1,5})?/)?` +
		`[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*` +
		`(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?$`
)

// Lengths, in bytes.
const (
	maxLabel = 63
	maxImage = 255
)

func (p *Pod) check() error {
	if p.Half == nil {
		return errors.New("which trusted half? name its enclave.json")
	}
	return errors.Join(
		written("name", p.Name, labelPattern, maxLabel, "a DNS label: at most 63 small letters, digits and '-', such as orders"),
		written("image", p.Image, imagePattern, maxImage, "an image reference such as registry.example/orders:1.0 or …@sha256:…"),
		written("claim", p.Claim, "^$|"+labelPattern, maxLabel, "the name of a PersistentVolumeClaim, such as orders-data"),
		written("qcnl", p.QCNL, "^$|"+pathPattern, maxImage, "an absolute path in the image, such as /etc/sgx_default_qcnl_azure.conf"),
		p.checkPorts(),
		p.checkWays(),
		p.Half.checkEPC(),
		p.Half.check(p.Allow),
	)
}

func written(what, value, pattern string, most int, wanted string) error {
	if len(value) <= most && regexp.MustCompile(pattern).MatchString(value) {
		return nil
	}
	return fmt.Errorf("%s: %.80q is not %s", what, value, wanted)
}

// A container that drops every capability cannot rely on ports below 1024.
func (p *Pod) checkPorts() error {
	for _, port := range []int{p.Port, p.Status} {
		if port < 1024 || port > 65535 {
			return fmt.Errorf("port: %d is not one from 1024 to 65535, which takes no privilege", port)
		}
	}
	if p.Port == p.Status {
		return fmt.Errorf("port: %d is both the trusted half's and the host half's: choose another -status", p.Port)
	}
	return nil
}

// Combinations that no cluster gives quotes to.
var (
	errNowhere   = errors.New("which cluster? choose the -dialect of its device plugin, one of [aks aks-legacy intel ack]")
	errNobody    = errors.New("who makes the quotes? choose -quotes inprocess or aesm")
	errKind      = errors.New("what kind of object? choose -kind pod or deployment")
	errLegacy    = errors.New("the legacy resource of AKS has none beside it for /dev/sgx_provision, which quotes made in process need: choose -dialect aks, or -quotes aesm")
	errACK       = errors.New("ACK has no resource for /dev/sgx_provision, which quotes made in process need, and documents the node's AESM alone: choose -quotes aesm")
	errAESMOnly  = errors.New("-qcnl and -provision-group are for quotes made in process; with AESM the service on the node has its own: leave them out, or choose -quotes inprocess")
	errGroup     = errors.New("a group's number is from 1 to 2147483647: `getent group sgx_prv` on a node prints it")
	errAmbiguous = errors.New(`a container called aesmd is Intel's sidecar to the plugin's webhook: choose another -name`)
	errHeap      = errors.New("the heap is larger than any EPC: correct heapSize, in MB, in enclave.json")
	errEPC       = errors.New("heap and executable together are larger than any EPC: correct heapSize, in MB, in enclave.json, or see what makes the executable so large")
)

// maxEPCMiB is twice what any processor has.
const maxEPCMiB = 2 << 20

// checkEPC has each part be no more than the whole may be before they are added.
func (h *Half) checkEPC() error {
	switch {
	case h.HeapMiB < 0 || h.HeapMiB > maxEPCMiB:
		return errHeap
	case h.ImageBytes < 0 || h.ImageBytes > maxEPCMiB<<20 || h.EPCMiB() > maxEPCMiB:
		return errEPC
	}
	return nil
}

func (p *Pod) checkWays() error {
	group := p.ProvisionGroup
	switch {
	case p.Dialect < AKS || p.Dialect > ACK:
		return errNowhere
	case p.Quotes != InProcess && p.Quotes != AESM:
		return errNobody
	case p.Kind != OnePod && p.Kind != Deployment:
		return errKind
	case p.Dialect == AKSLegacy && p.Quotes == InProcess:
		return errLegacy
	case p.Dialect == ACK && p.Quotes == InProcess:
		return errACK
	case p.Quotes == AESM && (p.QCNL != "" || group != 0):
		return errAESMOnly
	case group < 0 || group > 1<<31-1:
		return errGroup
	case p.Dialect == Intel && p.Name == "aesmd":
		return errAmbiguous
	}
	return nil
}
