package dcap_test

import (
	"encoding/json"
	"fmt"
	"strings"
)

// An edit is a change of JSON text. It panics where there is nothing to edit.
type edit = func(text string) string

// replace puts text in the place of the first old.
func replace(old, text string) edit {
	return func(in string) string {
		before, after, ok := strings.Cut(in, old)
		if !ok {
			panic("no " + old + " in " + in)
		}
		return before + text + after
	}
}

// put replaces the value of the first member of this name.
func put(name, value string) edit {
	return func(in string) string {
		at, end := member(in, name)
		return fmt.Sprintf("%s%q:%s%s", in[:at], name, value, in[end:])
	}
}

// drop takes the first member of this name out.
func drop(name string) edit {
	return func(in string) string {
		at, end := member(in, name)
		out := in[:at] + strings.TrimPrefix(in[end:], ",")
		return strings.ReplaceAll(out, ",}", "}")
	}
}

// before puts a member before the first one of this name.
func before(name, member string) edit {
	return replace(fmt.Sprintf("%q:", name), fmt.Sprintf("%s,%q:", member, name))
}

// member finds the bounds of the first member of this name.
func member(in, name string) (at, end int) {
	label := fmt.Sprintf("%q:", name)
	at = strings.Index(in, label)
	if at < 0 {
		panic("no " + name + " in " + in)
	}
	value := json.NewDecoder(strings.NewReader(in[at+len(label):]))
	if err := value.Decode(new(json.RawMessage)); err != nil {
		panic(err)
	}
	return at, at + len(label) + int(value.InputOffset())
}
