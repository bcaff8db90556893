// SPDX-License-Identifier: Apache-2.0

package manifest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"

	"github.com/pam-operator/pam-operator/internal/cli/manifest"
)

// export is what `kubectl pam export -o yaml` prints.
const export = "---\nname: Größe\n---\n# nothing\n---\nname: two\n"

func encoded(t *testing.T, e encoding.Encoding, text string) string {
	t.Helper()
	out, err := e.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestDocumentsOfAnyEncodingAreAllReadOrRefused(t *testing.T) {
	t.Parallel()
	windows := strings.ReplaceAll(export, "\n", "\r\n")
	little, big, noMark := unicode.LittleEndian, unicode.BigEndian, unicode.IgnoreBOM
	marked32 := utf32.UTF32(utf32.LittleEndian, utf32.UseBOM)
	both := []string{"name: Größe", "name: two"}
	for what, c := range map[string]struct {
		raw  string
		want []string
		err  string
	}{
		"UTF-8":                          {raw: export, want: both},
		"UTF-8 with a mark":              {raw: "\xef\xbb\xbf" + windows, want: both},
		"UTF-16LE as PowerShell writes":  {raw: encoded(t, unicode.UTF16(little, unicode.UseBOM), windows), want: both},
		"UTF-16BE":                       {raw: encoded(t, unicode.UTF16(big, unicode.UseBOM), windows), want: both},
		"UTF-16LE without a mark":        {raw: encoded(t, unicode.UTF16(little, noMark), windows), err: "UTF-16"},
		"UTF-16BE without a mark":        {raw: encoded(t, unicode.UTF16(big, noMark), "a: b"), err: "UTF-16"},
		"UTF-32 with a mark":             {raw: encoded(t, marked32, "a: b"), err: "UTF-8"},
		"Latin-1":                        {raw: "name: Gr\xf6\xdfe\n", err: "UTF-8"},
		"an empty file":                  {},
		"only comments":                  {raw: "# nothing\n"},
		"a comment behind the line":      {raw: "a: 1\n--- # next\na: 2\n", want: []string{"a: 1", "a: 2"}},
		"a document behind the line":     {raw: "a: 1\n--- {a: 2}\n", err: "separator"},
		"an end and another document":    {raw: "a: 1\n...\na: 2\n", err: "cannot be read"},
		"line ends of an old Mac":        {raw: "a: 1\r---\ra: 2\r", err: "no line of only ---"},
		"several objects of JSON":        {raw: "{\"a\": 1}\n{\"a\": 2}\n", err: "cannot be read"},
		"one object of JSON":             {raw: "{\"a\": 1}\n", want: []string{`{"a": 1}`}},
		"a line in a text, and no break": {raw: "a: |\n  x\n  ---\n  y\n", want: []string{"a: |\n  x\n  ---\n  y"}},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			got, err := manifest.Documents([]byte(c.raw))
			if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Fatalf("%v", err)
			}
			for i := range got {
				got[i] = strings.TrimSpace(strings.TrimPrefix(got[i], "---"))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestAFileThatCannotBeReadIsNamed(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "all.yaml")
	if err := os.WriteFile(file, []byte("a\x00:\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := manifest.Read(file, nil); err == nil || !strings.HasPrefix(err.Error(), file) {
		t.Errorf("%v", err)
	}
	endless := strings.NewReader(strings.Repeat("#", 64<<20+1))
	if _, err := manifest.Read("-", endless); err == nil || !strings.Contains(err.Error(), "larger than 64 MiB") {
		t.Errorf("%v", err)
	}
}
