// Package ocalltest is for tests of what is built on package ocall.
//
// Pipe connects both halves in memory, for unit tests. Hostile puts an [Attacker]
// between them, who bends what honest handlers answer: with it a Check shows
// what it is worth. A seed has it do the same again. Conformance is what every
// way to connect the halves must carry.
package ocalltest
