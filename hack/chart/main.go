// SPDX-License-Identifier: Apache-2.0

// Command chart writes the table of values into the README of a Helm chart, whose folder is its argument. A value is a
// key of values.yaml with a comment above it that starts with "# --".
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// begin and end enclose the table.
const (
	begin = "<!-- values: generated from values.yaml -->\n"
	end   = "<!-- end of values -->\n"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("want the folder of a chart")
	}
	values, err := os.ReadFile(filepath.Join(args[0], "values.yaml")) //nolint:gosec // G703: in the folder that is named
	if err != nil {
		return err
	}
	generated, err := table(values)
	if err != nil {
		return err
	}
	file := filepath.Join(args[0], "README.md")
	readme, err := os.ReadFile(file) //nolint:gosec // G304: in the folder that is named
	if err != nil {
		return err
	}
	if readme, err = insert(readme, generated); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, readme, 0o644) //nolint:gosec // G306, G703: a document of the repository
}

// insert replaces what is between the marks.
func insert(readme, table []byte) ([]byte, error) {
	before, rest, found := bytes.Cut(readme, []byte(begin))
	_, after, closed := bytes.Cut(rest, []byte(end))
	if !found || !closed {
		return nil, fmt.Errorf("no lines %q and %q", strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return bytes.Join([][]byte{before, []byte(begin), table, []byte(end), after}, nil), nil
}

func table(values []byte) ([]byte, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(values, &document); err != nil {
		return nil, err
	}
	if len(document.Content) != 1 || document.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("values.yaml is no map")
	}
	out := bytes.NewBufferString("| Key | Default | Description |\n|---|---|---|\n")
	if err := rows(out, "", document.Content[0]); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// rows writes one row for each described key. What has no description must have members that do.
func rows(out *bytes.Buffer, prefix string, parent *yaml.Node) error {
	for i := 0; i < len(parent.Content); i += 2 {
		key, value := parent.Content[i], parent.Content[i+1]
		path := prefix + key.Value
		if text := description(key.HeadComment); text != "" {
			fmt.Fprintf(out, "| `%s` | `%s` | %s |\n", path, strings.ReplaceAll(flow(value), "|", `\|`), text)
			continue
		}
		if value.Kind != yaml.MappingNode || len(value.Content) == 0 {
			return fmt.Errorf("line %d of values.yaml: %s has no description", key.Line, path)
		}
		if err := rows(out, path+".", value); err != nil {
			return err
		}
	}
	return nil
}

// description is the text of a comment from its "# --" on, on one line.
func description(comment string) string {
	_, text, found := strings.Cut(comment, "# -- ")
	if !found {
		return ""
	}
	return strings.ReplaceAll(text, "\n# ", " ")
}

// flow is a value as it can be written on one line.
func flow(value *yaml.Node) string {
	plain := *value
	if plain.Kind != yaml.ScalarNode {
		plain.Style = yaml.FlowStyle
	}
	text, err := yaml.Marshal(&plain)
	if err != nil {
		return value.Value
	}
	return strings.Join(strings.Fields(string(text)), " ")
}
