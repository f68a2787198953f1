// Package bench compares calls of package ocall with those of gRPC and net/rpc,
// over the same kind of socket, between the same two processes of one processor
// each. Each has its own encoding of the same values. The host half polls for 50
// microseconds (ocall.Mux.BusyPoll), and of a mebibyte neither half keeps what it
// was sent; benchmarks called Parked and Kept have it otherwise.
//
//	go test -bench . -benchtime 2s
//
// The metric "ratio" is how many times as fast a call of package ocall is.
package bench

//go:generate protoc --go_out=. --go_opt=module=github.com/cleave-sdk/cleave/ocall/bench --go-grpc_out=. --go-grpc_opt=module=github.com/cleave-sdk/cleave/ocall/bench echopb/echo.proto
