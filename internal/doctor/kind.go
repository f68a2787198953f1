package doctor

import (
	"encoding/hex"
	"io/fs"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/cleave-sdk/cleave/attest"
	"github.com/cleave-sdk/cleave/internal/dcap"
)

// kind is the kind of CPU whose collateral is looked at, and how it is known. No
// program outside an enclave can ask the CPU, and nobody makes a quote of a
// report that no enclave on this CPU has made.
type kind struct {
	attest.Subject
	kept  string // the folder with the certificate that says so
	guess bool   // that it is the one of most CPUs of this model
}

func (n *Node) kind() kind {
	if s := n.Subject; s.FMSPC != [6]byte{} {
		if s.CA == "" {
			s.CA = dcap.PlatformCA
		}
		return kind{Subject: s}
	}
	if k, ok := n.keptKind(); ok {
		return k
	}
	return kind{Subject: n.usualKind(), guess: true}
}

// usualKind is that of most CPUs of this model: in Azure's DCsv2 machines, in
// those with Sapphire Rapids, and, as in Azure's DCsv3 and Alibaba's g7t, Ice
// Lake.
func (n *Node) usualKind() attest.Subject {
	b, _ := n.read("proc/cpuinfo")
	switch strings.Join(field(string(b), "model"), "") {
	case "158":
		return attest.Subject{FMSPC: [6]byte{0x00, 0x90, 0x6E, 0xD5}, CA: dcap.ProcessorCA}
	case "143":
		return attest.Subject{FMSPC: [6]byte{0x00, 0x80, 0x6F, 0x05}, CA: dcap.PlatformCA}
	}
	return attest.Subject{FMSPC: [6]byte{0x00, 0x60, 0x6A}, CA: dcap.PlatformCA}
}

// Bounds of what is looked at in the folder where Intel's quote provider keeps
// the answers of its service. Each has some ten kilobytes.
const (
	maxKept     = 64
	maxKeptSize = 256 << 10
)

// keptKind is that of the PCK certificate of this machine, or, in an image that
// was moved, of another's: it only chooses what is asked for.
func (n *Node) keptKind() (kind, bool) {
	folder := n.keptFolder()
	f, err := n.Files.Open(folder)
	if err != nil {
		return kind{}, false
	}
	defer f.Close()
	d, ok := f.(fs.ReadDirFile)
	if !ok {
		return kind{}, false
	}
	entries, _ := d.ReadDir(maxKept) // those before an error are as good
	for _, e := range entries {
		b, err := n.readUpTo(folder+"/"+e.Name(), maxKeptSize)
		if err != nil {
			continue
		}
		if chain, ok := keptChain(b); ok {
			return kind{Subject: attest.Subject{FMSPC: chain.Platform.FMSPC, CA: chain.Issuer()}, kept: "/" + folder}, true
		}
	}
	return kind{}, false
}

// keptFolder is where the quote provider looks, with the first of the variables
// that is set.
func (n *Node) keptFolder() string {
	for _, name := range []string{"AZDCAP_CACHE", "XDG_CACHE_HOME", "HOME", "TMPDIR"} {
		if value, _ := n.Env(name); value != "" {
			return rooted(value + "/.dcap-qcnl")
		}
	}
	return "tmp/.dcap-qcnl"
}

// What there is of a certificate in an answer as it was kept: the headers, with
// the issuers escaped in one, and the body.
const (
	keptIssuers = `(?i)\nsgx-pck-certificate-issuer-chain: *([^\r\n]+)`
	keptLeaf    = `-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----`
)

// keptChain finds a PCK certificate and its issuers.
func keptChain(b []byte) (*dcap.PCKChain, bool) {
	header, leaf := regexp.MustCompile(keptIssuers).FindSubmatch(b), regexp.MustCompile(keptLeaf).Find(b)
	if header == nil || leaf == nil {
		return nil, false
	}
	issuers, err := url.PathUnescape(string(header[1]))
	if err != nil {
		return nil, false
	}
	chain, err := dcap.ParsePCKChain(slices.Concat(leaf, []byte(issuers)))
	return chain, err == nil
}

// said is what the report says of how the kind is known.
func (k kind) said(r *report) {
	fmspc := hex.EncodeToString(k.FMSPC[:])
	switch {
	case k.kept != "":
		r.ok("this CPU's kind (FMSPC) is %s, by the certificate that the quote provider has kept in %s", fmspc, strconv.QuoteToGraphic(k.kept))
	case k.guess:
		r.warn("`cleave doctor -quote FILE` with a quote made here, or `cleave doctor -quote HOST:PORT` while a trusted half serves here; `cleave inspect` of either prints the FMSPC, for -fmspc",
			"only a quote names this CPU's kind (FMSPC): what was asked for is what Intel says of %s, that of most such machines", fmspc)
	}
}
