package ert

import (
	"encoding/binary"
	"time"

	"github.com/cleave-sdk/cleave/internal/oe"
	"github.com/cleave-sdk/cleave/internal/sgx"
)

// claim is an oe_claim_t.
type claim struct {
	name  string
	value []byte
}

// claims are in the order in which Open Enclave has them.
type claims []claim

// claims are what is verified of e. A report or quote has the claims that all
// evidence has and those of SGX; a quote those of its platform and the
// collateral that was used; and then e what its enclave says.
func (e *evidence) claims(v *verified) (c claims) {
	c.identity(v, e.format)
	c.enclave(&v.body)
	if v.quote != nil {
		c.platform(v.quote)
		c.collateral(v.quote)
	}
	switch {
	case !e.customary():
		c.add("sgx_report_data", v.body.ReportData[:])
	case len(e.custom) > 0:
		c.add("custom_claims_buffer", e.custom)
	}
	return c
}

func (c *claims) identity(v *verified, f oe.Format) {
	c.add32("id_version", 0)
	c.add32("security_version", uint32(v.body.SVN))
	c.add("attributes", binary.LittleEndian.AppendUint64(nil, v.attributes()))
	c.add("unique_id", v.body.MRENCLAVE[:])
	c.add("signer_id", v.body.MRSIGNER[:])
	c.add("product_id", v.productID())
	c.add("format_uuid", f[:])
}

func (c *claims) enclave(body *sgx.ReportBody) {
	const exitInfo = 1 << 0 // of MISCSELECT
	flags := body.Attributes.Flags
	c.addFlag("sgx_pf_gp_exit_info_enabled", body.MiscSelect&exitInfo != 0)
	c.add("sgx_isv_extended_product_id", body.ExtProductID[:])
	c.addFlag("sgx_is_mode64bit", flags&sgx.FlagMode64 != 0)
	c.addFlag("sgx_has_provision_key", flags&sgx.FlagProvisionKey != 0)
	c.addFlag("sgx_has_einittoken_key", flags&sgx.FlagEINITToken != 0)
	c.addFlag("sgx_uses_kss", flags&sgx.FlagKSS != 0)
	c.add("sgx_config_id", body.ConfigID[:])
	c.add16("sgx_config_svn", body.ConfigSVN)
	c.add("sgx_isv_family_id", body.FamilyID[:])
	c.add("sgx_cpu_svn", body.CPUSVN[:])
}

func (c *claims) platform(q *quoted) {
	c.add32("tcb_status", q.status)
	c.addTime("tcb_date", q.date)
	c.addTime("validity_from", q.validity.from)
	c.addTime("validity_until", q.validity.until)
	c.add("ueid", ueid(q.UserData))
	c.add("hardware_model", q.platform.FMSPC[:])
}

func (c *claims) collateral(q *quoted) {
	e := q.endorsements
	c.addText("sgx_tcb_info", e.tcbInfo)
	c.addText("sgx_tcb_issuer_chain", e.tcbInfoChain)
	c.addText("sgx_pck_crl", e.pckCRL)
	c.addText("sgx_root_ca_crl", e.rootCRL)
	c.addText("sgx_crl_issuer_chain", e.pckCRLChain)
	c.addText("sgx_qe_id_info", e.qeIdentity)
	c.addText("sgx_qe_id_issuer_chain", e.qeIdentityChain)
	c.add16("sgx_pce_svn", q.PCESVN)
	c.add32("sgx_tcb_info_index", uint32(q.index))
}

// ueid is a universal entity identifier of random kind, 33 bytes: that of the
// quoting enclave.
func ueid(userData [20]byte) []byte {
	const random = 1
	b := make([]byte, 33)
	b[0] = random
	copy(b[1:], userData[:])
	return b
}

func (c *claims) add(name string, value []byte) { *c = append(*c, claim{name, value}) }

func (c *claims) add16(name string, v uint16) {
	c.add(name, binary.LittleEndian.AppendUint16(nil, v))
}

func (c *claims) add32(name string, v uint32) {
	c.add(name, binary.LittleEndian.AppendUint32(nil, v))
}

func (c *claims) addFlag(name string, set bool) {
	var b [1]byte
	if set {
		b[0] = 1
	}
	c.add(name, b[:])
}

// addText adds a C string.
func (c *claims) addText(name, text string) { c.add(name, append([]byte(text), 0)) }

// addTime adds an oe_datetime_t, in UTC. All of the zero time is zero.
func (c *claims) addTime(name string, t time.Time) {
	var b [24]byte
	if t = t.UTC(); !t.IsZero() {
		for i, v := range []int{t.Year(), int(t.Month()), t.Day(), t.Hour(), t.Minute(), t.Second()} {
			binary.LittleEndian.PutUint32(b[4*i:], uint32(v))
		}
	}
	c.add(name, b[:])
}

// block is an array of oe_claim_t and what it points to, for the address addr.
func (c claims) block(addr uint64) []byte {
	const size = 24 // of oe_claim_t
	table := make([]byte, 0, size*len(c))
	var rest []byte
	place := func(b []byte) {
		table = binary.LittleEndian.AppendUint64(table, addr+uint64(size*len(c)+len(rest)))
		rest = append(rest, b...)
		rest = append(rest, make([]byte, -len(rest)&7)...) // as aligned as a uint64
	}
	for _, claim := range c {
		place(append([]byte(claim.name), 0))
		place(claim.value)
		table = binary.LittleEndian.AppendUint64(table, uint64(len(claim.value)))
	}
	return append(table, rest...)
}
