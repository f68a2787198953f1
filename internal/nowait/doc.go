// Package nowait opens files that an attacker may have put there, or named.
package nowait
