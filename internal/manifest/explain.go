package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

var errEnds = errors.New("ends in the middle of the JSON")

// explain turns an error of the JSON decoder into a sentence about the file.
func explain(data []byte, err error) error {
	var syntax *jsontext.SyntacticError
	var meaning *json.SemanticError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return errEnds
	case errors.As(err, &syntax) && errors.Is(err, jsontext.ErrDuplicateName):
		return fmt.Errorf("%s: is given twice; keep one", spell(syntax.JSONPointer))
	case errors.As(err, &syntax):
		return fmt.Errorf("line %d: %w", line(data, syntax.ByteOffset), syntax.Err)
	case errors.As(err, &meaning) && errors.Is(err, json.ErrUnknownName):
		return fmt.Errorf("%s: unknown key; %s", spell(meaning.JSONPointer), instead(meaning.JSONPointer))
	case errors.As(err, &meaning):
		return fmt.Errorf("%s: is %s; write %s", spell(meaning.JSONPointer), found(meaning), wanted(last(meaning.JSONPointer)))
	}
	return err
}

func line(data []byte, offset int64) int {
	return 1 + bytes.Count(data[:min(offset, int64(len(data)))], []byte("\n"))
}

// found says what is there instead of what belongs there.
func found(err *json.SemanticError) string {
	if n := len(err.JSONValue); 0 < n && n <= 40 && printable(string(err.JSONValue)) {
		return string(err.JSONValue)
	}
	switch err.JSONKind {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case 't', 'f':
		return "true or false"
	}
	return "something else"
}

// spell writes /mounts/0/type as mounts[0].type.
func spell(p jsontext.Pointer) string {
	var b strings.Builder
	for token := range p.Tokens() {
		if _, err := strconv.Atoi(token); err == nil {
			fmt.Fprintf(&b, "[%s]", token)
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(quoteIfOdd(token))
	}
	if b.Len() == 0 {
		return "the whole"
	}
	return b.String()
}

func quoteIfOdd(key string) string {
	if len(key) > 40 {
		return strconv.Quote(key[:40]) + "..."
	}
	if q := strconv.Quote(key); q != `"`+key+`"` || strings.ContainsAny(key, " .[]") {
		return q
	}
	return key
}

func last(p jsontext.Pointer) string {
	if _, err := strconv.Atoi(p.LastToken()); err == nil {
		return "[]"
	}
	return p.LastToken()
}

// wanted says what belongs under a key.
func wanted(key string) string {
	switch key {
	case "":
		return "an object, in braces"
	case "[]":
		return "an object, in braces, for every element"
	case "mounts", "env", "files":
		return "a list of objects, in brackets"
	case "debug", "executableHeap", "readOnly", "fromHost":
		return "true or false"
	case "productID", "securityVersion":
		return "a whole number from 0 to 65535"
	case "heapSize":
		return fmt.Sprintf("a whole number of MB, from 1 to %d, such as 512", maxPlainHeap)
	}
	return "a string, in quotes"
}

// instead names the keys that could have been meant by an unknown one.
func instead(p jsontext.Pointer) string {
	keys := known(p.Parent())
	for _, key := range keys {
		if strings.EqualFold(key, p.LastToken()) {
			return fmt.Sprintf("write %s", key)
		}
	}
	return "known here are " + strings.Join(keys, ", ")
}

func known(parent jsontext.Pointer) []string {
	list, _, _ := strings.Cut(strings.TrimPrefix(string(parent), "/"), "/")
	switch list {
	case "mounts":
		return []string{"source", "target", "type", "readOnly"}
	case "env":
		return []string{"name", "value", "fromHost"}
	case "files":
		return []string{"source", "target"}
	}
	return []string{"exe", "key", "debug", "heapSize", "executableHeap", "productID", "securityVersion", "mounts", "env", "files"}
}
