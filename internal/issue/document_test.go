package issue_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/cleave-sdk/cleave/internal/issue"
)

func TestDocumentSignatures(t *testing.T) {
	w := newWorld()
	p := platform()
	_, qe := bodies()
	info, identity := issue.NewTCBInfo(&p, validity()), issue.NewQEIdentity(&qe, validity())
	tests := map[string]struct {
		document []byte
		member   string
		body     []byte
	}{
		"TCB info":    {must(info.Sign(w.TCBSigning)), "tcbInfo", must(info.Body())},
		"QE identity": {must(identity.Sign(w.TCBSigning)), "enclaveIdentity", must(identity.Body())},
		"raw":         {must(issue.SignDocument(w.TCBSigning, "tcbInfo", []byte(`{"a":1,"a":2}`))), "tcbInfo", []byte(`{"a":1,"a":2}`)},
	}
	for name, test := range tests {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(test.document, &members); err != nil || len(members) != 2 {
			t.Errorf("%s: %v in %s", name, err, test.document)
			continue
		}
		if !bytes.Equal(members[test.member], test.body) {
			t.Errorf("%s: the body is %s, want %s", name, members[test.member], test.body)
		}
		signature := must(hex.DecodeString(strings.Trim(string(members["signature"]), `"`)))
		if !verifies(&w.TCBSigning.Key.PublicKey, test.body, [64]byte(signature)) {
			t.Errorf("%s: the signature is wrong", name)
		}
		if verifies(&w.Root.Key.PublicKey, test.body, [64]byte(signature)) {
			t.Errorf("%s: the signature is right under the root's key", name)
		}
	}
}

// Every kind of value that JSON can carry can be wrong.
func TestDocumentsHideNothing(t *testing.T) {
	p := platform()
	info := issue.NewTCBInfo(&p, validity())
	info.Levels[0].TCB.Components = info.Levels[0].TCB.Components[:15]
	info.Levels[0].TCB.PCESVN = -1
	info.Levels[0].Status = "<Best>"
	info.Levels[0].Advisories = []string{"INTEL-SA-00000"}
	info.NextUpdate = "tomorrow"
	body := string(must(info.Body()))
	for _, want := range []string{`"pcesvn":-1`, `"tcbStatus":"<Best>","advisoryIDs":["INTEL-SA-00000"]}`, `"nextUpdate":"tomorrow"`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
	if n := strings.Count(body, `"svn":`); n != 15 {
		t.Errorf("%d components, want 15", n)
	}
}

// One r in 256 is shorter than 32 bytes, and one s.
func TestSignaturesAreOfOneLength(t *testing.T) {
	key := &issue.Entity{Key: must(issue.NewKey())}
	for shortR, shortS := false, false; !shortR || !shortS; {
		document := must(issue.SignDocument(key, "m", []byte("{}")))
		signature := must(hex.DecodeString(string(document[len(`{"m":{},"signature":"`) : len(document)-2])))
		if !verifies(&key.Key.PublicKey, []byte("{}"), [64]byte(signature)) {
			t.Fatalf("wrong signature %x", signature)
		}
		shortR = shortR || signature[0] == 0
		shortS = shortS || signature[32] == 0
	}
}

// Intel writes all values of the quoting enclave as the bytes of its report.
func TestQEIdentityIsBytes(t *testing.T) {
	_, qe := bodies()
	qe.MiscSelect, qe.Attributes.Flags = 0x01020304, 0x1122
	body := string(must(issue.NewQEIdentity(&qe, validity()).Body()))
	for _, want := range []string{`"miscselect":"04030201"`, `"attributes":"2211000000000000`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
}
