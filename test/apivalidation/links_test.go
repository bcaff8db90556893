// SPDX-License-Identifier: Apache-2.0

package apivalidation

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const repository = "../.."

var (
	link        = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	anyFence    = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	anyHeading  = regexp.MustCompile(`(?m)^#+ (.*)$`)
	notInAnchor = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// TestNoLinkIsDead follows every link between documents, to the heading.
func TestNoLinkIsDead(t *testing.T) {
	for file, text := range documents(t) {
		for _, match := range link.FindAllStringSubmatch(anyFence.ReplaceAllString(text, ""), -1) {
			if strings.Contains(match[1], "://") {
				continue
			}
			path, anchor, _ := strings.Cut(match[1], "#")
			target := file
			if path != "" {
				target = filepath.Join(filepath.Dir(file), path)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %s leads nowhere", file, match[1])
			} else if anchor != "" && !hasAnchor(t, target, anchor) {
				t.Errorf("%s: %s: no such heading", file, match[1])
			}
		}
	}
}

// TestEveryPageIsListed keeps docs/README.md complete.
func TestEveryPageIsListed(t *testing.T) {
	index, err := os.ReadFile(filepath.Join(docsDir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for file := range documents(t) {
		page, err := filepath.Rel(docsDir, file)
		if err != nil {
			t.Fatal(err)
		}
		top := !strings.HasPrefix(page, "..") && !strings.HasPrefix(page, "adr") && page != "README.md"
		if top && !strings.Contains(string(index), "]("+page+")") {
			t.Errorf("docs/README.md does not list %s", page)
		}
	}
}

// documents are the pages of the repository that people wrote, by their path.
func documents(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(repository, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() && (name == ".git" || name == "bin" || name == "dist") {
			return filepath.SkipDir
		}
		if entry.IsDir() || filepath.Ext(path) != ".md" {
			return nil
		}
		content, err := os.ReadFile(path) //nolint:gosec // G122: our own tree
		out[path] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// hasAnchor reports whether a page has a heading that GitHub gives this anchor.
func hasAnchor(t *testing.T, file, anchor string) bool {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, match := range anyHeading.FindAllStringSubmatch(anyFence.ReplaceAllString(string(content), ""), -1) {
		text := notInAnchor.ReplaceAllString(strings.ToLower(match[1]), "")
		if strings.ReplaceAll(text, " ", "-") == anchor {
			return true
		}
	}
	return false
}
