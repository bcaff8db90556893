// SPDX-License-Identifier: Apache-2.0

// Command metrics writes docs/metrics.md, from the table of the manager's metrics, to standard output.
package main

import (
	"fmt"
	"os"

	"github.com/pam-operator/pam-operator/internal/metrics"
)

func main() {
	if err := metrics.Markdown(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
