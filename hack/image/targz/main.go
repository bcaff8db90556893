// SPDX-License-Identifier: Apache-2.0

// Command targz packs a folder as a .tar.gz file, always the same bytes for the same content. Arguments: the file, the
// folder, and the name of the folder in the file (by default none: its content is at the root).
package main

import (
	"compress/gzip"
	"errors"
	"fmt"
	"os"

	"github.com/pam-operator/pam-operator/hack/image/archive"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "targz:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) == 2 {
		arguments = append(arguments, "")
	}
	if len(arguments) != 3 {
		return errors.New("usage: targz FILE FOLDER [NAME]")
	}
	out, err := os.Create(arguments[0]) //nolint:gosec // G703: the caller names the file
	if err != nil {
		return err
	}
	compressed, err := gzip.NewWriterLevel(out, gzip.BestCompression) // its header has no time and no name
	if err != nil {
		return err
	}
	return errors.Join(archive.Write(compressed, os.DirFS(arguments[1]), arguments[2]), compressed.Close(), out.Close())
}
