// SPDX-License-Identifier: Apache-2.0

// Command dashboard writes the Grafana dashboard of the operator. Its arguments are the runbook, to whose entries the
// dashboard links, and the file to write.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "dashboard:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return errors.New("want the runbook and the file to write")
	}
	runbook, err := os.ReadFile(args[0]) //nolint:gosec // G703: the file that is named
	if err != nil {
		return err
	}
	d, err := build(entries(runbook))
	if err != nil {
		return err
	}
	content, err := marshal(d)
	if err != nil {
		return err
	}
	return os.WriteFile(args[1], content, 0o644) //nolint:gosec // G306, G703: a file of the repository
}

// marshal leaves comparisons in expressions readable. The library gives every row the id 0, which no other panel has:
// Grafana makes ids when it loads a dashboard.
func marshal(d model) ([]byte, error) {
	content, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	var members map[string]any
	if err := json.Unmarshal(content, &members); err != nil {
		return nil, err
	}
	panels, _ := members["panels"].([]any)
	for _, each := range panels {
		if panel, ok := each.(map[string]any); ok {
			delete(panel, "id")
		}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(members); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

var entry = regexp.MustCompile("(?m)^### `([A-Za-z]+)`$")

// entries are the reasons and alerts that the runbook explains.
func entries(runbook []byte) (names []string) {
	for _, match := range entry.FindAllSubmatch(runbook, -1) {
		names = append(names, string(match[1]))
	}
	return names
}
