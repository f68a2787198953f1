package deploy

import "fmt"

// Pod is what is deployed: a container with both halves. What must be set is
// Name, Image, Dialect, Quotes and Half.
type Pod struct {
	// Name is that of the object, its label and the container.
	Name string
	// Image has the host half as its entrypoint.
	Image   string
	Dialect Dialect
	Quotes  Quotes
	Half    *Half
	// Allow has trusted halves deployed that production must not have.
	Allow Allow

	// Kind is that of the object. If zero, Deployment.
	Kind Kind
	// Port is where the trusted half serves, Status where the host half has
	// /healthz and /readyz, on an unprotected port. If zero, 8443 and 8080. The
	// host half finds them in its environment, as ATTESTED_PORT and STATUS_PORT.
	Port, Status int
	// Claim is the PersistentVolumeClaim mounted at /data. If empty, what is
	// sealed there goes with the pod.
	Claim string
	// QCNL is the quote provider's configuration in the image, for quotes made
	// in process. If empty, /etc/sgx_default_qcnl.conf.
	QCNL string
	// ProvisionGroup is the number of the group that has /dev/sgx_provision on
	// the nodes (sgx_prv), for quotes made in process. If zero, the container
	// runs as root without capabilities.
	ProvisionGroup int
}

// YAML is the object, with comments. It ends in a line end.
func (p *Pod) YAML() ([]byte, error) {
	b, err := p.yaml()
	if err != nil {
		return nil, fmt.Errorf("deploy: %w", err)
	}
	return b, nil
}

func (p *Pod) yaml() ([]byte, error) {
	q := p.withDefaults()
	if err := q.check(); err != nil {
		return nil, err
	}
	return q.write()
}

// Check is what YAML finds wrong with p before it looks at Half.
func (p *Pod) Check() error {
	if err := p.withDefaults().checkQuestion(); err != nil {
		return fmt.Errorf("deploy: %w", err)
	}
	return nil
}

func (p *Pod) withDefaults() *Pod {
	q := *p
	if q.Kind == 0 {
		q.Kind = Deployment
	}
	if q.Port == 0 {
		q.Port = 8443
	}
	if q.Status == 0 {
		q.Status = 8080
	}
	return &q
}
