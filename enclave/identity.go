package enclave

import (
	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

func identify(b *sgx.ReportBody) attest.Identity {
	return attest.Identity{
		Measurement: b.MRENCLAVE,
		Signer:      b.MRSIGNER,
		ProductID:   b.ProductID,
		SVN:         b.SVN,
		Debug:       b.Attributes.Debug(),
	}
}
