// SPDX-License-Identifier: Apache-2.0

// Package pages reads from the documents what a reader copies from them, so that tests can do what readers do.
package pages

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Languages of blocks.
const (
	Shell = "sh"
	YAML  = "yaml"
)

// Page is a document.
type Page struct {
	// Name is the name of the file, without its folder.
	Name string
	// Blocks are in the order of the page. Blocks in other languages show output and are not among them.
	Blocks []Block
}

// Block is a block of commands or of YAML.
type Block struct {
	// Section is the last heading of the second or third level above it; empty if there is none.
	Section string
	// Language is Shell or YAML.
	Language string
	// Text is without the indentation of the block.
	Text string
	// Exemption is the reason, in a comment right above the block, why tests without nodes cannot apply or run it.
	Exemption string
}

var (
	block = regexp.MustCompile("(?ms)^(?:(#{2,3}) ([^\n]+)$" +
		"|(?: *<!-- not (?:run|applied): ([^\n]+) -->\n)?( *)```(\\w*)\n(.*?)^ *```$)")
	// values is YAML for the chart, not for the API server.
	values = regexp.MustCompile(`^# values\.yaml\n`)
	// heredoc is a manifest within a command.
	heredoc = regexp.MustCompile(`(?m)^kubectl apply .*<<`)
)

// Read reads a page.
func Read(file string) (Page, error) {
	content, err := os.ReadFile(file) //nolint:gosec // G304: a document of this repository
	if err != nil {
		return Page{}, err
	}
	return parse(filepath.Base(file), string(content)), nil
}

func parse(name, content string) Page {
	page, section := Page{Name: name}, ""
	for _, m := range block.FindAllStringSubmatch(content, -1) {
		switch language := m[5]; {
		case m[1] != "":
			section = m[2]
		case language == Shell || language == YAML:
			text := strings.TrimPrefix(strings.ReplaceAll("\n"+m[6], "\n"+m[4], "\n"), "\n")
			page.Blocks = append(page.Blocks, Block{section, language, text, m[3]})
		}
	}
	return page
}

// Section returns the blocks below a heading.
func (p Page) Section(title string) []Block {
	var out []Block
	for _, b := range p.Blocks {
		if b.Section == title {
			out = append(out, b)
		}
	}
	return out
}

// HasManifests reports whether a reader of the page creates objects of their own.
func (p Page) HasManifests() bool {
	for _, b := range p.Blocks {
		if b.Manifest() || b.Language == Shell && heredoc.MatchString(b.Text) {
			return true
		}
	}
	return false
}

// Manifest reports whether the block is YAML for the API server, and not exempt.
func (b Block) Manifest() bool { return b.Language == YAML && b.Exemption == "" && !b.Values() }

// Values reports whether the block is a file of values for the chart.
func (b Block) Values() bool { return b.Language == YAML && values.MatchString(b.Text) }

// Script returns the commands, without those that skip, which may be nil, reports. A command that continues on the next
// line is one line.
func (b Block) Script(skip func(command string) bool) string {
	var out []string
	for command := range strings.SplitSeq(strings.ReplaceAll(b.Text, "\\\n", " "), "\n") {
		if skip == nil || !skip(command) {
			out = append(out, command)
		}
	}
	return strings.Join(out, "\n")
}
