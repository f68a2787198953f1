// Command exit says something, and exits with the status that is its argument,
// or never.
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

func main() {
	fmt.Println(os.Args[1:])
	status, err := strconv.Atoi(os.Args[1])
	for err != nil {
		time.Sleep(time.Hour)
	}
	os.Exit(status)
}
