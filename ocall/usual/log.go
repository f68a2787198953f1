package usual

import (
	"context"
	"log/slog"

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

// Log has the host write a line.
var Log = ocall.Func[Line, ocall.None]{
	Name:        "log",
	Check:       ocall.Unchecked[Line, ocall.None], // there is nothing in an answer
	MaxRequest:  4 << 10,
	MaxResponse: 1 << 10,
}

// HandleLog has mux answer Log by writing to log, as the group "trusted". What
// handlers of package slog do with odd characters, they do here.
func HandleLog(mux *ocall.Mux, log *slog.Logger) {
	log = log.WithGroup("trusted")
	Log.Handle(mux, func(ctx context.Context, l Line) (ocall.None, error) {
		attrs := make([]slog.Attr, len(l.Attrs))
		for i, a := range l.Attrs {
			attrs[i] = slog.String(a.Key, a.Value)
		}
		log.LogAttrs(ctx, l.Level, l.Message, attrs...)
		return ocall.None{}, nil
	})
}
