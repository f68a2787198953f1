// Command egocalls does what EGo's packages enclave and ecrypto do, by the
// runtime calls they make and without them, and prints what it gets: a name
// and a value on each line.
//
//	self                    this enclave's report of itself
//	quote DATA              a quote, verified, with the claims about it
//	verify EVIDENCE         somebody else's, in hex
//	keys                    random keys, and again by their information
//	seal TEXT               TEXT to the enclave and to the product
//	open BLOB               what was sealed, in hex
//	report DATA [TARGET]    a local report, for the enclave of a local report
//	check REPORT            whose local report it is
//	texts                   the texts of results
package main

import (
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"unsafe"
)

func main() {
	args := append(os.Args[1:], "", "")
	if err := run(args[0], args[1], args[2]); err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
}

func run(what, a, b string) error {
	switch what {
	case "self":
		return self()
	case "quote":
		return quote([]byte(a))
	case "verify":
		return verify(unhex(a))
	case "keys":
		return keys()
	case "seal":
		return seal([]byte(a))
	case "open":
		return open(unhex(a))
	case "report":
		report, err := localReport([]byte(a), unhex(b))
		show("report", report)
		return err
	case "check":
		return check(unhex(a))
	case "texts":
		for i := range uintptr(65) {
			fmt.Println(strconv.Itoa(int(i)), text(i))
		}
	}
	return nil
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

func show(name string, value []byte) { fmt.Printf("%s %x\n", name, value) }

// self is EGo's GetSelfReport, and the same report as evidence.
func self() error {
	target, err := localReport(nil, nil)
	if err != nil {
		return err
	}
	report, err := localReport(nil, target)
	if err != nil {
		return err
	}
	if err := check(report); err != nil {
		return err
	}
	return evidenceOfSelf(target)
}

// check is EGo's VerifyLocalReport.
func check(report []byte) error {
	p, err := verifyReport(report)
	if err != nil {
		return err
	}
	fmt.Println("size", p.size, p.kind, p.dataSize, p.bodySize, p.idVersion, p.result)
	fmt.Println("svn", p.svn)
	fmt.Println("attributes", p.attributes)
	show("unique", p.unique[:])
	show("signer", p.signer[:])
	show("product", p.product[:])
	show("data", unsafe.Slice(p.data, p.dataSize))
	// EGo copies what the pointers point to: they must point into the report.
	own := uintptr(unsafe.Pointer(unsafe.SliceData(report)))
	fmt.Println("offsets", uintptr(unsafe.Pointer(p.data))-own, uintptr(unsafe.Pointer(p.body))-own)
	return nil
}

// quote is EGo's GetRemoteReport and VerifyRemoteReport.
func quote(data []byte) error {
	report, err := remoteReport(data)
	if err != nil {
		return err
	}
	show("quote", report)
	return verify(report)
}

func verify(evidence []byte) error {
	err := verifyEvidence(evidence, show)
	fmt.Println("verdict", err)
	return nil
}
