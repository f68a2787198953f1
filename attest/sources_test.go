package attest_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cleave-sdk/cleave/attest"
)

// questions returns what p asks for, sorted. It gets no answers.
func questions(t *testing.T, p *attest.PCS, s attest.Subject) []string {
	t.Helper()
	var mu sync.Mutex
	var asked []string
	arrived := make(chan struct{}, 4)
	p.Client = &http.Client{Transport: roundTrip(func(r *http.Request) *http.Response {
		mu.Lock()
		asked = append(asked, r.URL.String())
		mu.Unlock()
		arrived <- struct{}{}
		for len(arrived) < 4 && r.Context().Err() == nil { // the first error ends the others
		}
		return &http.Response{Status: "404 Not Found", StatusCode: 404, Body: http.NoBody}
	})}
	if c, err := p.Collateral(t.Context(), s); c != nil || !errors.Is(err, attest.ErrCollateral) {
		t.Errorf("%v, %v", c, err)
	}
	slices.Sort(asked)
	return asked
}

func TestSources(t *testing.T) {
	must := func(p *attest.PCS, err error) *attest.PCS { check(t, err); return p }
	const intel, root = "https://api.trustedservices.intel.com/", "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"
	sgx := attest.Subject{FMSPC: [6]byte{0, 0x60, 0x6A}, CA: "platform"}
	tdx := attest.Subject{FMSPC: [6]byte{0, 0x80, 0x6F, 5}, CA: "platform", TEE: attest.TDX}
	at := func(base string) []string {
		return []string{base + "/pckcrl?encoding=der&ca=platform", base + "/qe/identity", base + "/rootcacrl", base + "/tcb?fmspc=00606a000000"}
	}
	tests := map[string]struct {
		pcs     *attest.PCS
		subject attest.Subject
		want    []string
	}{
		"Azure":                {attest.AzureTHIM(), sgx, at("https://global.acccache.azure.net/sgx/certification/v4")},
		"Alibaba":              {must(attest.AlibabaPCCS("cn-hangzhou")), sgx, at("https://sgx-dcap-server.cn-hangzhou.aliyuncs.com/sgx/certification/v4")},
		"Alibaba from its VPC": {must(attest.AlibabaVPCPCCS("ap-southeast-1")), sgx, at("https://sgx-dcap-server-vpc.ap-southeast-1.aliyuncs.com/sgx/certification/v4")},
		"a PCCS":               {&attest.PCS{URL: "https://localhost:8081/sgx/certification/v4/"}, sgx, at("https://localhost:8081/sgx/certification/v4")},
		"Intel, early": {&attest.PCS{Update: attest.EarlyUpdate}, sgx, []string{
			intel + "sgx/certification/v4/pckcrl?encoding=der&ca=platform",
			intel + "sgx/certification/v4/qe/identity?update=early",
			intel + "sgx/certification/v4/tcb?fmspc=00606a000000&update=early",
			root,
		}},
		"Intel, TDX": {&attest.PCS{Update: attest.StandardUpdate}, tdx, []string{
			intel + "sgx/certification/v4/pckcrl?encoding=der&ca=platform",
			intel + "tdx/certification/v4/qe/identity?update=standard",
			intel + "tdx/certification/v4/tcb?fmspc=00806f050000&update=standard",
			root,
		}},
		"a PCCS below a path, TDX": {&attest.PCS{URL: "http://x/sgx/certification/cache/sgx/certification/v4"}, tdx, []string{
			"http://x/sgx/certification/cache/sgx/certification/v4/pckcrl?encoding=der&ca=platform",
			"http://x/sgx/certification/cache/sgx/certification/v4/rootcacrl",
			"http://x/sgx/certification/cache/tdx/certification/v4/qe/identity",
			"http://x/sgx/certification/cache/tdx/certification/v4/tcb?fmspc=00806f050000",
		}},
		"a question in the update": {&attest.PCS{URL: "http://x", Update: "early&fmspc=1"}, sgx, []string{
			"http://x/pckcrl?encoding=der&ca=platform", "http://x/qe/identity?update=early%26fmspc%3D1", "http://x/rootcacrl", "http://x/tcb?fmspc=00606a000000&update=early%26fmspc%3D1",
		}},
		"no place for TDX": {&attest.PCS{URL: "https://x/v4"}, tdx, nil},
		"another TEE":      {&attest.PCS{}, attest.Subject{TEE: 7}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if asked := questions(t, test.pcs, test.subject); !slices.Equal(asked, test.want) {
				t.Errorf("asked for %q; want %q", asked, test.want)
			}
		})
	}
}

func TestAlibabaRegions(t *testing.T) {
	for _, region := range []string{"", "evil.example/", "a.b", "cn hangzhou", "cn-hangzhou#", "CN", "ü", strings.Repeat("/", 1000)} {
		for _, source := range []func(string) (*attest.PCS, error){attest.AlibabaPCCS, attest.AlibabaVPCPCCS} {
			if p, err := source(region); p != nil || !errors.Is(err, attest.ErrCollateral) || len(err.Error()) > 500 {
				t.Errorf("%.20q: %v, %.600v", region, p, err)
			}
		}
	}
}

func TestTEE(t *testing.T) {
	for tee, want := range map[attest.TEE]string{attest.SGX: "SGX", attest.TDX: "TDX", 7: "TEE(0x7)"} {
		if tee.String() != want {
			t.Errorf("%v; want %s", tee, want)
		}
	}
	if s := numbered(1).String(); s != "SGX 000000000001, platform CA" {
		t.Error(s)
	}
}

func TestSubjectOf(t *testing.T) {
	m := newMachine(t)
	quote := m.quote(t, enclave("friend"), [64]byte{})
	if s, err := attest.SubjectOf(quote); err != nil || s != subject(m) {
		t.Errorf("%v, %v", s, err)
	}
	if s, err := attest.SubjectOf(quote[:1000]); !errors.Is(err, attest.ErrMalformed) || s != (attest.Subject{}) {
		t.Errorf("%v, %v", s, err)
	}
}
