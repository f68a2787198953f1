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

func localReport(b *sgx.ReportBody) *attest.LocalReport {
	return &attest.LocalReport{
		Identity: identify(b),
		Details: attest.Details{
			Attributes: attest.Attributes(b.Attributes),
			MiscSelect: b.MiscSelect,
			KSS:        attest.KSS{FamilyID: b.FamilyID, ExtendedProductID: b.ExtProductID, ConfigID: b.ConfigID, ConfigSVN: b.ConfigSVN},
			CPUSVN:     b.CPUSVN,
		},
		Data: b.ReportData,
	}
}
