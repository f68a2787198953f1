package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// plainLog writes what package host has to say as the command says everything
// else: a line for people.
func plainLog(w io.Writer) *slog.Logger { return slog.New(plain{w}) }

type plain struct{ w io.Writer }

func (p plain) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }
func (p plain) WithAttrs([]slog.Attr) slog.Handler           { return p }
func (p plain) WithGroup(string) slog.Handler                { return p }

func (p plain) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString("cleave: " + strings.TrimPrefix(r.Message, "host: "))
	r.Attrs(func(a slog.Attr) bool {
		fmt.Fprintf(&b, " (%s %s)", a.Key, a.Value)
		return true
	})
	_, err := fmt.Fprintln(p.w, b.String())
	return err
}
