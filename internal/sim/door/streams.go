package door

import (
	"fmt"
	"os"
)

// checkStreams refuses directories as standard input and output: openat(2) from
// one reaches what is beside and above it, whatever root the child has.
func (c *Config) checkStreams() error {
	for _, stream := range []struct {
		name string
		of   any
	}{{"Stdin", c.Stdin}, {"Stdout", c.Stdout}, {"Stderr", c.Stderr}} {
		f, ok := stream.of.(*os.File)
		if !ok || f == nil {
			continue
		}
		info, err := f.Stat()
		if err != nil {
			return fmt.Errorf("%s: %w", stream.name, err)
		}
		if info.IsDir() {
			return fmt.Errorf("%s is a directory, %s, by which the program would reach the file system around it; give it a file, a pipe or a terminal", stream.name, f.Name())
		}
	}
	return nil
}
