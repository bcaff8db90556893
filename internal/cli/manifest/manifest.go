// SPDX-License-Identifier: Apache-2.0

// Package manifest reads the files with manifests that people name, in whatever encoding they have saved them, and
// leaves out nothing silently.
package manifest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"

	"github.com/pam-operator/pam-operator/internal/textfile"
)

// maxFile bounds, in bytes, what is read of one file.
const maxFile = 64 << 20

// Stdin is the name of the standard input.
const Stdin = "-"

// Files are the manifests in a folder, or the file itself.
func Files(name string) ([]string, error) {
	if name == Stdin {
		return []string{name}, nil
	}
	info, err := os.Stat(name)
	if err != nil || !info.IsDir() {
		return []string{name}, err
	}
	var out []string
	for _, pattern := range []string{"*.yaml", "*.yml", "*.json"} {
		files, err := filepath.Glob(filepath.Join(name, pattern))
		if err != nil {
			return nil, err
		}
		out = append(out, files...)
	}
	slices.Sort(out)
	return out, nil
}

// Read reads the documents of a file, without those that hold only comments.
func Read(file string, stdin io.Reader) ([]string, error) {
	raw, err := content(file, stdin)
	if err != nil {
		return nil, err
	}
	documents, err := Documents(raw)
	if err != nil {
		return nil, fmt.Errorf("%s %w", file, err)
	}
	return documents, nil
}

func content(file string, stdin io.Reader) ([]byte, error) {
	in := stdin
	if file != Stdin {
		opened, err := os.Open(file) //nolint:gosec // G304: the user named it
		if err != nil {
			return nil, err
		}
		defer func() { _ = opened.Close() }() // it was only read
		in = opened
	}
	raw, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	if err == nil && len(raw) > maxFile {
		err = fmt.Errorf("%s is larger than %d MiB: divide it", file, maxFile>>20)
	}
	return raw, err
}

// errDivided is for what a parser takes for several documents, of which it would return the first one only.
var errDivided = errors.New("has several documents that no line of only --- divides: put one between them")

// Documents divides a file as kubectl does.
func Documents(raw []byte) ([]string, error) {
	text, err := textfile.Text(raw)
	if err != nil {
		return nil, err
	}
	var out []string
	for documents := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text))); ; {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		count, err := count(string(document))
		switch {
		case err != nil:
			return nil, fmt.Errorf("cannot be read: %w", err)
		case count > 1:
			return nil, errDivided
		case count == 1:
			out = append(out, string(document))
		}
	}
}

// count is how many documents a text has, 2 for more.
func count(text string) (int, error) {
	decoder := yaml.NewDecoder(strings.NewReader(text))
	for n := range 2 {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
	return 2, nil
}
