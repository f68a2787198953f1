package deploy_test

import (
	"fmt"
	"strings"

	"github.com/cleave-sdk/cleave/internal/deploy"
)

func Example() {
	half := &deploy.Half{HeapMiB: 512, ImageBytes: 9 << 20, ProductID: 1, SVN: 1, Signed: &deploy.Signed{}}
	pod := deploy.Pod{Name: "orders", Image: "registry.example/orders:1", Dialect: deploy.AKS, Quotes: deploy.AESM, Half: half}
	yaml, err := pod.YAML()
	if err != nil {
		fmt.Println(err)
		return
	}
	for line := range strings.Lines(string(yaml)) {
		if strings.Contains(line, "sgx.intel.com/") {
			fmt.Println(strings.TrimSpace(line))
		}
	}
	// Output: sgx.intel.com/epc: "736Mi"
}
