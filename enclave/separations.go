package enclave

import "github.com/cleave-sdk/cleave/sealing"

var _ sealing.SeparateKeys = (*Platform)(nil)

// Separations are those that the platform's sealing keys can have, for package
// sealing: none under EGo.
func (p *Platform) Separations() sealing.Separation {
	if p == nil {
		return 0
	}
	if k, ok := p.platform.(sealing.SeparateKeys); ok {
		return k.Separations()
	}
	return 0
}
