//go:build !(linux && amd64)

package door

import "context"

func start(context.Context, Config) (*Child, error) {
	return nil, unavailable("it takes Linux on x86-64", nil)
}
