package usual

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/cleave-sdk/cleave/ocall"
)

// Line is a line for the host's log: the host reads it.
type Line struct {
	Level   slog.Level // as in package slog: -4 is Debug, 0 Info, 4 Warn, 8 Error
	Message string     // at most 4096 bytes with Attrs
	Attrs   []Attr
}

// Attr is a named value of a Line.
type Attr struct{ Key, Value string }

// Log has the host write a line. It is of no consequence whether it did: five
// seconds are enough to wait for it, and eight lines to wait for at once.
var Log = ocall.Func[Line, ocall.None]{
	Name:        "log",
	Check:       ocall.Unchecked[Line, ocall.None], // there is nothing in an answer
	MaxRequest:  4 << 10,
	MaxResponse: 1 << 10,
	Timeout:     5 * time.Second,
	Concurrency: manyAtOnce,
}

// HandleLog has mux answer Log by writing to log, as the group "trusted".
// Characters that do not print are escaped, whatever the handler of log does
// with them: a line stays one line. How many lines there are is not limited; an
// [ocall.Interceptor] can.
func HandleLog(mux *ocall.Mux, log *slog.Logger) {
	log = log.WithGroup("trusted")
	Log.Handle(mux, func(ctx context.Context, l Line) (ocall.None, error) {
		attrs := make([]slog.Attr, len(l.Attrs))
		for i, a := range l.Attrs {
			attrs[i] = slog.String(printable(a.Key), printable(a.Value))
		}
		log.LogAttrs(ctx, l.Level, printable(l.Message), attrs...)
		return ocall.None{}, nil
	})
}

// printable is s with escapes, as Go has them, for what does not print: ends of
// lines, what terminals take for commands, what turns the direction of writing.
func printable(s string) string {
	if strings.IndexFunc(s, hidden) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if hidden(r) {
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func hidden(r rune) bool { return !strconv.IsPrint(r) }
