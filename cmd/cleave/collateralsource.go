package main

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/cleave-sdk/cleave/attest"
)

// readCollateral opens a folder, a bundle, or a service.
func readCollateral(name string) (attest.Source, error) {
	info, missing := os.Stat(name)
	switch pcs, err := service(name); {
	case missing == nil && info.IsDir():
		return attest.Dir(name), nil
	case missing == nil:
		return readBundle(name)
	case err != nil:
		return nil, err
	case pcs != nil:
		return pcs, nil
	}
	return nil, missing
}

func readBundle(name string) (attest.Source, error) {
	b, err := readFile(name)
	if err != nil {
		return nil, err
	}
	bundle, err := attest.ParseBundle(b)
	if err != nil {
		return nil, fmt.Errorf("%s is not a collateral bundle: %w", name, err)
	}
	return bundle, nil
}

// service is the one that a URL or a short name stands for, or nil.
func service(name string) (*attest.PCS, error) {
	kind, region, _ := strings.Cut(name, ":")
	switch {
	case strings.HasPrefix(name, "http://") || strings.HasPrefix(name, "https://"):
		return &attest.PCS{URL: name}, nil
	case name == "intel":
		return &attest.PCS{}, nil
	case name == "azure":
		return attest.AzureTHIM(), nil
	case kind == "alibaba":
		return attest.AlibabaPCCS(region)
	case kind == "alibaba-vpc":
		return attest.AlibabaVPCPCCS(region)
	}
	return nil, nil
}

// subjectFlags name a kind of platform.
type subjectFlags struct{ fmspc, ca, tee string }

func (s *subjectFlags) register(flags *flag.FlagSet) {
	flags.StringVar(&s.fmspc, "fmspc", "", "the kind of platform: its FMSPC, 12 digits in `HEX`")
	flags.StringVar(&s.ca, "ca", "platform", "with -fmspc, the `CA` of its certificate: platform or processor")
	flags.StringVar(&s.tee, "tee", "sgx", "with -fmspc, the `TEE` whose evidence will be judged: sgx or tdx")
}

func (s *subjectFlags) subject() (attest.Subject, error) {
	fmspc, err := hex.DecodeString(s.fmspc)
	if err != nil || len(fmspc) != 6 {
		return attest.Subject{}, fmt.Errorf("-fmspc %q is not 12 hexadecimal digits", s.fmspc)
	}
	if s.ca != "platform" && s.ca != "processor" {
		return attest.Subject{}, fmt.Errorf("-ca %q is neither platform nor processor", s.ca)
	}
	tee, known := map[string]attest.TEE{"sgx": attest.SGX, "tdx": attest.TDX}[strings.ToLower(s.tee)]
	if !known {
		return attest.Subject{}, fmt.Errorf("-tee %q is neither sgx nor tdx", s.tee)
	}
	return attest.Subject{FMSPC: [6]byte(fmspc), CA: s.ca, TEE: tee}, nil
}
