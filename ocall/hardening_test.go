package ocall_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
)

// hardening is what a bridge to an untrusted host must do, by what is known to
// have gone wrong in others, and the tests that show it here. Where a rule has
// none, the sentence says why it cannot arise.
var hardening = []struct{ rule, how string }{
	{"no pointer or handle crosses", "TestRefusedTypes TestSignatures TestDeclarations"},
	{"untrusted bytes are copied once, and only the copy is read", "No memory is shared: what read(2) has returned is private, and the host cannot change it afterwards."},
	{"untrusted memory is accessed in aligned 8-byte units", "No memory is shared: there is none to access."},
	{"a length is compared with its limit before memory is set aside", "TestHostileHost TestLyingLengthTakesNoMemory TestDrippingBodyTakesLittleMemory FuzzHeader"},
	{"counts are bounded by what is left, depth by the type, and every value has one encoding", "TestOneEncodingOnly TestOtherShapes TestMemoryFollowsTheBytes TestMemoryIsBoundedByTheLimit FuzzDecode FuzzOracle"},
	{"the peer's positions are hints", "There are no positions: a stream of bytes has an order, and credit is compared with the window: TestHostileStreams"},
	{"an answer finds its call by a table in trusted memory", "TestUnsolicitedAndDuplicateAnswers TestLateAnswers TestFloodOfMutatedFrames TestEachCallerHasItsOwnAnswer"},
	{"an index from the host is bounded before its use, also speculatively", "A slot is compared with 64 and then its 64-bit id with that of the slot; what is loaded meanwhile is a slot of the same array or lies behind it in the line's own memory, and nothing the host could observe depends on it: TestHostileHost"},
	{"the caller says what may be answered", "TestAnswersAreZeroWithAnError TestDeclarations"},
	{"nothing uninitialised leaves", "TestFramesHaveNoPadding"},
	{"secrets refuse to be encoded, and errors do not repeat what is inside", "TestRefusedTypes TestErrorsDoNotRepeatTheHost"},
	{"text of the host is capped, quoted and matched by nobody", "TestHostSaysAnything TestHostileErrors"},
	{"deadlines are kept here, late answers dropped, and their places not used meanwhile", "TestNeverAnswers TestLateAnswers TestTimeouts TestHostStopsReading"},
	{"calls in flight, memory and streams are bounded", "TestTurns TestConcurrencyOfACall TestStreamsThatAreNotReceived TestHostileStreams TestFloodOfMutatedFrames"},
	{"the host cannot call", "There are no reverse calls: a request from the host is no frame of a call: TestHostileHost"},
	{"the handshake binds both halves, and nothing is negotiated", "TestEveryByteOfTheHelloCounts TestMismatchNamesWhatDiffers TestTruncatedHandshake TestHostMayOfferMore"},
	{"a panic over the host's bytes is an error, and a violation ends the connection alone", "TestAnswersAreZeroWithAnError TestHostileErrors TestHostileHost"},
	{"lengths, timing and names are seen by the host", "The package documentation says so; padding is the caller's, who knows which lengths matter."},
	{"a mapped file keeps its exact size", "No file is mapped."},
	{"an older answer can be brought back", "TestReplayNeedsTheCallersCheck"},
}

// Every test that the table names is there.
func TestHardeningTable(t *testing.T) {
	known := map[string]bool{}
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				known[fn.Name.Name] = true
			}
		}
	}
	for _, row := range hardening {
		sentence := strings.Contains(row.how, ". ") || strings.Contains(row.how, " is ") || strings.Contains(row.how, " are ")
		named := 0
		for word := range strings.FieldsSeq(row.how) {
			if strings.HasPrefix(word, "Test") || strings.HasPrefix(word, "Fuzz") {
				if named++; !known[word] {
					t.Errorf("%s: there is no %s", row.rule, word)
				}
			}
		}
		if named == 0 && !sentence {
			t.Errorf("%s: neither a test nor a reason", row.rule)
		}
	}
}

// What leaves is what was encoded: the same call, made after others whose
// buffers it may use again, sends the same bytes.
func TestFramesHaveNoPadding(t *testing.T) {
	frames := make(chan asked, 3)
	conn := hostile(t, Service, func(h host) {
		for range 3 {
			a := h.next()
			frames <- a
			h.Write(a.answer(entryOfA).bytes())
		}
	})
	for _, name := range []string{"a", strings.Repeat("\xc3\xbf", 3000), "a"} {
		patient.Call(t.Context(), conn, name)
	}
	first, _, last := <-frames, <-frames, <-frames
	if string(first.body) != "\x61a" || string(last.body) != string(first.body) {
		t.Errorf("%x and %x", first.body, last.body)
	}
}

// The host can answer as it did before. Only what the request holds, a nonce or
// the number of a version, lets a Check refuse that.
func TestReplayNeedsTheCallersCheck(t *testing.T) {
	answers := func(h host) {
		first := h.next()
		h.Write(first.answer(entryOfA).bytes())
		for {
			h.Write(h.next().answer(entryOfA).bytes())
		}
	}
	conn := hostile(t, Service, answers)
	for range 2 {
		if e, err := patient.Call(t.Context(), conn, "a"); err != nil || e.Name != "a" {
			t.Error("a replayed answer that the Check allows:", e, err)
		}
	}
	if e, err := patient.Call(t.Context(), conn, "b"); err == nil {
		t.Errorf("a replayed answer that the Check refuses: %v", e)
	}
}
