package deploy

import "fmt"

// Dialect is the device plugin that a cluster has. The zero Dialect is none.
type Dialect uint8

// The dialects.
const (
	// AKS is the add-on confcom of Azure Kubernetes Service.
	AKS Dialect = iota + 1
	// AKSLegacy is what confcom's plugin understood before, and still does.
	AKSLegacy
	// Intel is Intel's device plugin with its admission webhook.
	Intel
	// ACK is Alibaba Cloud's Container Service for Kubernetes.
	ACK
)

// Quotes is who makes the quotes. The zero Quotes is nobody.
type Quotes uint8

// The ways to a quote, of which a container has one: with SGX_AESM_ADDR set,
// EGo does not even try the other.
const (
	// InProcess has Intel's quoting enclave loaded by the container, which needs
	// the device /dev/sgx_provision.
	InProcess Quotes = iota + 1
	// AESM has a service on the node make them, over its socket.
	AESM
)

// Kind is what kind of object runs the container. The zero Kind is none.
type Kind uint8

// The kinds.
const (
	// OnePod is a bare Pod: when its node goes, it is gone.
	OnePod Kind = iota + 1
	// Deployment has one Pod at a time.
	Deployment
)

func dialects() []string { return []string{"aks", "aks-legacy", "intel", "ack"} }
func ways() []string     { return []string{"inprocess", "aesm"} }
func kinds() []string    { return []string{"pod", "deployment"} }

// String returns "aks", "aks-legacy", "intel" or "ack".
func (d Dialect) String() string { return name("Dialect", dialects(), uint8(d)) }

// MarshalText returns what String does.
func (d Dialect) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (d *Dialect) UnmarshalText(text []byte) error {
	return read((*uint8)(d), dialects(), "a dialect", text)
}

// String returns "inprocess" or "aesm".
func (q Quotes) String() string { return name("Quotes", ways(), uint8(q)) }

// MarshalText returns what String does.
func (q Quotes) MarshalText() ([]byte, error) { return []byte(q.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (q *Quotes) UnmarshalText(text []byte) error {
	return read((*uint8)(q), ways(), "a way to a quote, and a container has one", text)
}

// String returns "pod" or "deployment".
func (k Kind) String() string { return name("Kind", kinds(), uint8(k)) }

// MarshalText returns what String does.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (k *Kind) UnmarshalText(text []byte) error {
	return read((*uint8)(k), kinds(), "a kind", text)
}

func name(of string, names []string, v uint8) string {
	if 0 < v && int(v) <= len(names) {
		return names[v-1]
	}
	return fmt.Sprintf("%s(%d)", of, v)
}

func read(v *uint8, names []string, what string, text []byte) error {
	for i, n := range names {
		if n == string(text) {
			*v = uint8(i + 1)
			return nil
		}
	}
	return fmt.Errorf("%.40q is not %s: write one of %v", text, what, names)
}
