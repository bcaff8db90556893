// SPDX-License-Identifier: Apache-2.0

package printer

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// APIVersion is that of the documents that the plugin prints. A field keeps its meaning within a version.
const APIVersion = "cli.pam-operator.io/v1alpha1"

// Document is the head of a printed document.
type Document struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
}

// NewDocument is the head of a document of a kind.
func NewDocument(kind string) Document { return Document{APIVersion: APIVersion, Kind: kind} }

// Format is the value of --output.
type Format string

// The values of --output.
const (
	FormatText Format = ""
	FormatWide Format = "wide"
	FormatJSON Format = "json"
	FormatYAML Format = "yaml"
	FormatName Format = "name"
)

// Structured reports whether a document is wanted instead of text for people.
func (f Format) Structured() bool { return f == FormatJSON || f == FormatYAML }

// Check returns an error if the format is not one of those that a command has.
func (f Format) Check(allowed ...Format) error {
	if f == FormatText || slices.Contains(allowed, f) {
		return nil
	}
	names := make([]string, 0, len(allowed))
	for _, each := range allowed {
		names = append(names, string(each))
	}
	return fmt.Errorf("must be one of %s", strings.Join(names, ", "))
}

// Print writes a document as JSON or YAML.
func (f Format) Print(out io.Writer, document any) error {
	if f == FormatYAML {
		text, err := yaml.Marshal(document)
		if err != nil {
			return err
		}
		_, err = out.Write(text)
		return err
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(document)
}
