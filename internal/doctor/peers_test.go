package doctor_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/cleave-sdk/cleave/internal/doctor"
)

// TestPeers asks real sockets: what the errors of a real client are taken for.
func TestPeers(t *testing.T) {
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("welcome")) })
	closed := httptest.NewServer(page)
	closed.Close()
	plain := httptest.NewServer(page)
	defer plain.Close()
	secure := httptest.NewUnstartedServer(page)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	for name, row := range map[string]struct{ service, says string }{
		"refused": {closed.URL, ": nothing listens at 127.0.0.1:"},
		"no TLS":  {strings.Replace(plain.URL, "http:", "https:", 1), "what answers there is no such service: http: server gave HTTP response to HTTPS client"},
		"a page":  {plain.URL, "what answers there is no such service: http://127.0.0.1:"},
		"own CA":  {secure.URL, "nobody this machine trusts has signed its certificate"},
	} {
		m, _ := node(t, "node-intel")
		m.HTTP = &http.Client{Transport: &http.Transport{}}
		m.Files.(fstest.MapFS)["etc/sgx_default_qcnl.conf"].Data = []byte(`{"pccs_url": "` + row.service + `/sgx/certification/v4/"}`)
		found := false
		for _, f := range doctor.Examine(t.Context(), m.Node) {
			checkFix(t, f)
			found = found || f.Check == "collateral" && f.Status == doctor.Failure && strings.Contains(f.Says, row.says)
		}
		if !found {
			t.Errorf("%s: not found: %s", name, row.says)
		}
	}
}
