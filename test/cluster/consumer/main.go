// SPDX-License-Identifier: Apache-2.0

// Command consumer stands for the programs that use a connection Secret: it reads the files of a folder, and says what
// it found. The images of the tests have no shell that could do so.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// file is what is told of a file. The content is told only of those that were asked for.
type file struct {
	Size    int    `json:"size"`
	Content string `json:"content,omitempty"`
}

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "consumer:", err)
		os.Exit(1)
	}
}

// run takes a folder, and the names of the files whose content it shows. Each of those must be there.
func run(args []string, stdout io.Writer) error {
	if len(args) == 0 {
		return errors.New("usage: consumer FOLDER [FILE-TO-SHOW...]")
	}
	found, err := read(args[0], args[1:])
	if err != nil {
		return err
	}
	for _, name := range args[1:] {
		if found[name].Size == 0 {
			return fmt.Errorf("%s has no file %s, or an empty one", args[0], name)
		}
	}
	return json.NewEncoder(stdout).Encode(found)
}

func read(folder string, shown []string) (map[string]file, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	found := map[string]file{}
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasPrefix(name, "..") || entry.IsDir() { // how a kubelet keeps the versions of a Secret
			continue
		}
		content, err := os.ReadFile(filepath.Join(folder, name)) //nolint:gosec // G304: the folder is what it is for
		if err != nil {
			return nil, err
		}
		f := file{Size: len(content)}
		if slices.Contains(shown, name) {
			f.Content = string(content)
		}
		found[name] = f
	}
	return found, nil
}
