package manifest_test

import (
	"fmt"

	"github.com/cleave-sdk/cleave/internal/manifest"
)

func ExampleParse() {
	_, err := manifest.Parse([]byte(`{"exe": "server", "key": "private.pem", "heapsize": 512}`))
	fmt.Println(err)

	m, err := manifest.Parse([]byte(`{"exe": "server", "key": "private.pem", "heapSize": 512, "debug": true}`))
	fmt.Println(m.Warnings(), err)
	// Output:
	// manifest: heapsize: unknown key; write heapSize
	// [debug: the host can read and write the memory of a debug enclave; set it to false for production] <nil>
}
