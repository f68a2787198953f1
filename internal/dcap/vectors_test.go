package dcap_test

import (
	"encoding/json"
	"path"
	"slices"
	"testing"
	"time"

	"github.com/cleave-sdk/cleave/internal/dcap"
	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/vectors"
)

// TestGenuineQuotes compares the verdicts on genuine quotes with those of
// Intel's own library.
func TestGenuineQuotes(t *testing.T) {
	var data struct {
		Vectors []struct {
			Quote, Collateral, Status, TCBDate string
			Version                            int
			Unix                               int64
			Advisories                         []string
		}
	}
	check(t, json.Unmarshal(vectors.Read(t, "vectors.json"), &data))
	judged := 0
	for _, x := range data.Vectors {
		if x.Version != 3 {
			continue
		}
		read := func(name string) []byte { return vectors.Read(t, x.Collateral, name) }
		e := evidence{
			quote: vectors.Read(t, x.Quote),
			collateral: dcap.Collateral{
				TCBInfo: read("tcb_info.json"), TCBInfoChain: read("tcb_signing_chain.pem"),
				QEIdentity: read("qe_identity.json"), QEIdentityChain: read("tcb_signing_chain.pem"),
				RootCRL: read("root_ca_crl.der"), PCKCRL: read("pck_crl.der"),
			},
			root: dcap.IntelRoot(),
			now:  time.Unix(x.Unix, 0),
		}
		if _, body, err := oe.ParseReport(e.quote); err == nil {
			e.quote = body
		}
		v, err := e.verify()
		if err != nil {
			t.Errorf("%s, %s: %v", x.Quote, path.Base(x.Collateral), err)
			continue
		}
		slices.Sort(x.Advisories)
		if v.TCB.Status.String() != x.Status || v.TCB.Date.Format(time.DateOnly) != x.TCBDate || !slices.Equal(v.TCB.Advisories, slices.Compact(x.Advisories)) {
			t.Errorf("%s, %s: %+v; want %+v", x.Quote, path.Base(x.Collateral), v.TCB, x)
		}
		judged++
	}
	t.Logf("%d genuine quotes judged as Intel's library does", judged)
	if judged == 0 {
		t.Error("no vectors of version 3")
	}
}
