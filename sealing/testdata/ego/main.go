// Command ego seals with EGo's own package. It prints binding, key size in
// bits, length of the plaintext, and the blob.
package main

import (
	"fmt"
	"log"
	"strings"

	"github.com/edgelesssys/ego/ecrypto"
)

func main() {
	additional := []byte("golden")
	for _, text := range []string{"", "a secret of EGo's", strings.Repeat("long ", 40_000)} {
		for name, seal := range map[string]func(plaintext, additional []byte) ([]byte, error){
			"unique 128":  ecrypto.SealWithUniqueKey,
			"product 128": ecrypto.SealWithProductKey,
			"unique 256":  ecrypto.SealWithUniqueKey256,
			"product 256": ecrypto.SealWithProductKey256,
		} {
			blob, err := seal([]byte(text), additional)
			if err != nil {
				log.Fatal(err)
			}
			fmt.Printf("%s %d %x\n", name, len(text), blob)
		}
	}
}
