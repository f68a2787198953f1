package deploy

import (
	"errors"
	"fmt"
	"regexp"
)

// What may stand in a manifest. Everything else is refused, so that no value
// can end a line, a quotation or a comment.
const (
	labelPattern = `^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`       // DNS-1123
	pathPattern  = `^(/\.?[A-Za-z0-9_-][A-Za-z0-9._-]*)+$` // without /./ and /../
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

// check is about the trusted half only if all else is right, and about what may
// be allowed only if that can be deployed at all.
func (p *Pod) check() error {
	if err := p.checkQuestion(); err != nil {
		return err
	}
	if p.Half == nil {
		return errors.New("which trusted half? name its enclave.json")
	}
	if err := p.Half.checkEPC(); err != nil {
		return err
	}
	return p.Half.check(p.Allow)
}

func (p *Pod) checkQuestion() error {
	return errors.Join(
		written("name", p.Name, labelPattern, maxLabel, "a DNS label: at most 63 small letters, digits and '-', such as orders"),
		written("image", p.Image, imagePattern, maxImage, "an image reference such as registry.example/orders:1.0 or …@sha256:…"),
		written("claim", p.Claim, "^$|"+labelPattern, maxLabel, "the name of a PersistentVolumeClaim, such as orders-data"),
		written("qcnl", p.QCNL, "^$|"+pathPattern, maxImage, "an absolute path in the image without . or .., such as /etc/sgx_default_qcnl_azure.conf"),
		p.checkPorts(),
		p.checkWays(),
	)
}

// written is about a flag of that name.
func written(what, value, pattern string, most int, wanted string) error {
	switch {
	case len(value) <= most && regexp.MustCompile(pattern).MatchString(value):
		return nil
	case value == "":
		return fmt.Errorf("which %[1]s? give -%[1]s, %s", what, wanted)
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

func (p *Pod) checkWays() (err error) {
	group := p.ProvisionGroup
	for _, wrong := range []struct {
		is  bool
		err error
	}{
		{p.Dialect < AKS || p.Dialect > ACK, errNowhere},
		{p.Quotes != InProcess && p.Quotes != AESM, errNobody},
		{p.Kind != OnePod && p.Kind != Deployment, errKind},
		{p.Dialect == AKSLegacy && p.Quotes == InProcess, errLegacy},
		{p.Dialect == ACK && p.Quotes == InProcess, errACK},
		{p.Quotes == AESM && (p.QCNL != "" || group != 0), errAESMOnly},
		{group < 0 || group > 1<<31-1, errGroup},
		{p.Dialect == Intel && p.Name == "aesmd", errAmbiguous},
	} {
		if wrong.is {
			err = errors.Join(err, wrong.err)
		}
	}
	return err
}
