package sim_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/cleave-sdk/cleave/internal/sim"
)

func Example() {
	home, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(home)

	machine, err := sim.Open(filepath.Join(home, "machine"))
	if err != nil {
		log.Fatal(err)
	}
	enclave := machine.Enclave(sim.Identity{MRENCLAVE: [32]byte{1}, MRSIGNER: [32]byte{2}, ProductID: 1, SVN: 1})

	report := enclave.Report(machine.QuotingEnclave(), [64]byte{1, 2, 3})
	quote, err := machine.Quote(report)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(quote) > 432, machine.Root().Subject)
	// Output: true CN=Cleave Simulator SGX Root CA,O=Cleave Simulator
}
