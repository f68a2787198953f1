package dcap

import (
	"encoding/hex"
	"strings"
)

// tdxModule is Intel's description of one generation of the TDX module, the
// code below trust domains that makes their reports.
type tdxModule struct {
	generation                uint8 // its major version, TEE_TCB_SVN[1]
	mrsigner                  [48]byte
	attributes, attributeMask [8]byte
	levels                    []enclaveLevel // none in generation 0
}

type tdxModuleJSON struct {
	ID            string         `json:"id"`
	MRSIGNER      hexBytes       `json:"mrsigner"`
	Attributes    hexBytes       `json:"attributes"`
	AttributeMask hexBytes       `json:"attributesMask"`
	Levels        []enclaveLevel `json:"tcbLevels"`
}

func (t *tcbInfo) fillModules(body *tdxInfoJSON) bool {
	if body.Module.ID != "" || body.Module.Levels != nil || !t.module.fill(&body.Module) {
		return false
	}
	if body.Modules == nil { // as until 2024
		return true
	}
	for _, j := range *body.Modules {
		m := tdxModule{levels: j.Levels}
		if !m.readID(j.ID) || t.generation(m.generation) != nil || !validLevels(j.Levels) || !m.fill(&j) {
			return false
		}
		t.modules = append(t.modules, m)
	}
	return len(t.modules) > 0
}

func (m *tdxModule) fill(j *tdxModuleJSON) bool {
	return j.MRSIGNER.fill(m.mrsigner[:]) == nil &&
		j.Attributes.fill(m.attributes[:]) == nil &&
		j.AttributeMask.fill(m.attributeMask[:]) == nil
}

// readID reads a name such as "TDX_01".
func (m *tdxModule) readID(id string) bool {
	digits, ok := strings.CutPrefix(id, "TDX_")
	b, err := hex.DecodeString(digits)
	if !ok || err != nil || len(b) != 1 || b[0] == 0 {
		return false
	}
	m.generation = b[0]
	return true
}

func (t *tcbInfo) generation(n uint8) *tdxModule {
	for i := range t.modules {
		if t.modules[i].generation == n {
			return &t.modules[i]
		}
	}
	return nil
}

// moduleOf returns the description of the module that has made td.
func (t *tcbInfo) moduleOf(td *TDBody) (*tdxModule, error) {
	m := &t.module
	if n := td.TEETCBSVN[1]; n > 0 {
		m = t.generation(n)
	}
	switch {
	case m == nil && t.modules == nil:
		return nil, collateral("TCB_INFO_MISMATCH", "the TCB info describes no generations of the TDX module: fetch newer collateral")
	case m == nil:
		return nil, forged("TDX_MODULE_MISMATCH", "the TCB info does not know generation %d of the TDX module", td.TEETCBSVN[1])
	case td.MRSIGNERSEAM != m.mrsigner:
		return nil, forged("TDX_MODULE_MISMATCH", "the TDX module is not signed by Intel but by %x", td.MRSIGNERSEAM)
	case td.SEAMAttributes != 0 || !m.allows(td.SEAMAttributes):
		return nil, forged("TDX_MODULE_MISMATCH", "the TDX module has attributes %016x", td.SEAMAttributes)
	}
	return m, nil
}

func (m *tdxModule) allows(attributes uint64) bool {
	for i := range m.attributes {
		if byte(attributes>>(8*i))&m.attributeMask[i] != m.attributes[i] {
			return false
		}
	}
	return true
}

// level returns the first level that the module reaches. Generation 0, which
// the platform's level judges, has none.
func (m *tdxModule) level(td *TDBody) (*judgement, error) {
	if m.generation == 0 {
		return nil, nil
	}
	for i := range m.levels {
		if uint16(td.TEETCBSVN[0]) >= *m.levels[i].TCB.SVN {
			return &m.levels[i].judgement, nil
		}
	}
	return nil, forged("TCB_NOT_SUPPORTED", "the TDX module's SVN %d is below every level that Intel judges", td.TEETCBSVN[0])
}
