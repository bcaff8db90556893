// SPDX-License-Identifier: Apache-2.0

// Command consumer stands in for programs that use a connection Secret: it reads the files in a folder and reports what
// it found. The test images have no shell that could do so.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// file is the report on a file. The content is reported only on request.
type file struct {
	Size    int    `json:"size"`
	Content string `json:"content,omitempty"`
}

func main() {
	stay := flag.Bool("stay", false, "Do not end before a signal says so.")
	flag.Parse()
	told, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	err := run(flag.Args(), os.Stdout)
	if err == nil && *stay {
		<-told.Done()
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "consumer:", err)
		os.Exit(1)
	}
}

// run takes a folder, and the names of the files whose content to report. Each of those must exist.
func run(args []string, stdout io.Writer) error {
	if len(args) == 0 {
		return errors.New("usage: consumer [-stay] FOLDER [FILE-TO-SHOW...]")
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
		if strings.HasPrefix(name, "..") || entry.IsDir() { // where a kubelet keeps the versions of a Secret
			continue
		}
		content, err := os.ReadFile(filepath.Join(folder, name)) //nolint:gosec // G304: reading that folder is the purpose
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
