package doctor

import (
	"context"
	"net/http"
	"strings"
)

// pck asks whether there is anybody where the CPU's certificate comes from, if
// that is another place than the rest, as the cloud's own on Azure.
func pck(ctx context.Context, n *Node, r *report) {
	c, err := n.qcnlConf()
	switch {
	case err != nil || c.LocalPCK == "":
		r.ok("no local_pck_url: the CPU's certificate comes with the rest")
		return
	case !serviceURL(c.LocalPCK):
		r.fail(`correct it, such as "local_pck_url": "http://169.254.169.254/metadata/THIM/sgx/certification/v4/"`,
			"%s: local_pck_url is no URL of such a service, of plain characters and without a password", n.named())
		return
	}
	address := strings.TrimRight(c.LocalPCK, "/") + "/pckcert"
	if err := n.answers(ctx, address); err != nil {
		r.warn("only Azure's machines have it, and from a pod only if a NetworkPolicy lets it out: `curl -v -H metadata:true "+address+"`; elsewhere take local_pck_url out of "+n.named(),
			"nobody answers at local_pck_url, %s: %.200s", c.LocalPCK, inner(err))
		return
	}
	r.ok("local_pck_url, %s, answers", c.LocalPCK)
}

// answers asks without saying for which CPU: any status is an answer.
func (n *Node) answers(ctx context.Context, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Metadata", "true")
	client := *n.HTTP
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	return response.Body.Close()
}
