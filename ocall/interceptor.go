package ocall

import (
	"context"
	"log/slog"
	"time"
)

// An Interceptor sees each call and stream that the host half answers: it
// calls next, once, and returns what that returned or an error instead. One is
// enough for logs, metrics, limits by time of day and the like. Its ctx goes on
// to the handler.
//
// What it is told of a request is what a trusted half chose to show its host.
type Interceptor func(ctx context.Context, h *Handling, next func(context.Context) error) error

// Handling is one call or stream that is being answered.
type Handling struct {
	Call     string
	Stream   bool
	Request  int // bytes of the encoded request
	Response int // bytes of the encoded response, once next has returned; of a stream 0
}

// LogCalls writes a line to log for each call: at level Debug, or Warn if it
// failed, with name, sizes in bytes and duration.
func LogCalls(log *slog.Logger) Interceptor {
	return func(ctx context.Context, h *Handling, next func(context.Context) error) error {
		began := time.Now()
		err := next(ctx)
		level, attrs := slog.LevelDebug, []slog.Attr{
			slog.String("call", h.Call), slog.Int("request", h.Request), slog.Int("response", h.Response),
			slog.Duration("took", time.Since(began)),
		}
		if err != nil {
			level, attrs = slog.LevelWarn, append(attrs, slog.Any("error", err))
		}
		log.LogAttrs(ctx, level, "ocall", attrs...)
		return err
	}
}

// intercepted wraps answer in all, the first outermost.
func intercepted(all []Interceptor, answer answer) answer {
	for i := len(all) - 1; i >= 0; i-- {
		answer = around(all[i], answer)
	}
	return answer
}

func around(i Interceptor, inner answer) answer {
	return func(ctx context.Context, r *run) error {
		return i(ctx, &r.handling, func(ctx context.Context) error { return inner(ctx, r) })
	}
}
