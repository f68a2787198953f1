package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
)

// printJSON is how every command writes its JSON form.
func printJSON(w io.Writer, v any) {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(err) // unreachable: strings, numbers and times of this age
	}
	fmt.Fprintf(w, "%s\n", b)
}

// printAs prints v as JSON, or as a table of lines whose columns end with tabs.
func printAs(w io.Writer, asJSON bool, v any, table func(t io.Writer)) {
	if asJSON {
		printJSON(w, v)
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	defer t.Flush()
	table(t)
}
