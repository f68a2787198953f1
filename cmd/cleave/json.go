package main

import (
	"encoding/json"
	"fmt"
	"io"
)

// printJSON is how every command writes its JSON form.
func printJSON(w io.Writer, v any) {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(err) // unreachable: strings, numbers and times of this age
	}
	fmt.Fprintf(w, "%s\n", b)
}
