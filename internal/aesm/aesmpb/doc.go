// Package aesmpb has the messages of AESM's protocol, generated from
// cleave_aesm.proto by protoc 3.21 and protoc-gen-go 1.36. The file has a name
// of its own because a program may have no two of one name.
package aesmpb

//go:generate protoc --go_out=. --go_opt=paths=source_relative cleave_aesm.proto
