package issue

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// SignDocument wraps the exact bytes of body as Intel's service does,
//
//	{"member":body,"signature":"hex of r and s"}
//
// where member is "tcbInfo" or "enclaveIdentity". The body need not even be
// JSON.
func SignDocument(by *Entity, member string, body []byte) ([]byte, error) {
	signature, err := sign(by.Key, body)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, `{"%s":%s,"signature":"%x"}`, member, body, signature), nil
}

// Date is t as TCB info and QE identity write it.
func Date(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// compact is JSON without white space and without Go's escaping for HTML.
func compact(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, fmt.Errorf("issue: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
