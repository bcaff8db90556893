// SPDX-License-Identifier: Apache-2.0

package textfile_test

import (
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	encoding "golang.org/x/text/encoding/unicode"

	"github.com/pam-operator/pam-operator/internal/textfile"
)

func utf16(t *testing.T, order encoding.Endianness, text string) string {
	t.Helper()
	out, err := encoding.UTF16(order, encoding.UseBOM).NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTextFiles(t *testing.T) {
	const password = "Pässw0rd-£-1"
	for name, c := range map[string]struct {
		raw         string
		line        string
		err, exactE error
	}{
		"as it is":               {raw: password, line: password},
		"from an editor":         {raw: password + "\n", line: password, exactE: textfile.ErrLineEnd},
		"from one on Windows":    {raw: password + "\r\n", line: password, exactE: textfile.ErrLineEnd},
		"with several line ends": {raw: password + "\n\r\n\n", line: password, exactE: textfile.ErrLineEnd},
		"with spaces around it":  {raw: " x ", line: " x "},
		"with a mark":            {raw: "\xef\xbb\xbf" + password, line: password},
		"of nothing":             {},
		"of a line end":          {raw: "\n", exactE: textfile.ErrLineEnd},
		"in UTF-16, little":      {raw: utf16(t, encoding.LittleEndian, password), line: password},
		"in UTF-16, big":         {raw: utf16(t, encoding.BigEndian, password), line: password},
		"in Latin-1":             {raw: "Passw0rd-\xa3-1", err: textfile.ErrEncoding, exactE: textfile.ErrEncoding},
		"in UTF-16, cut":         {raw: "\xff\xfea\x00b", err: textfile.ErrEncoding, exactE: textfile.ErrEncoding},
		"in UTF-16, half a pair": {raw: "\xff\xfe\x00\xd8a\x00", err: textfile.ErrEncoding, exactE: textfile.ErrEncoding},
		"in UTF-16, no mark":     {raw: "a\x00b\x00", err: textfile.ErrZero, exactE: textfile.ErrZero},
		"of two lines":           {raw: "a\nb", err: textfile.ErrControl, exactE: textfile.ErrControl},
	} {
		t.Run(name, func(t *testing.T) {
			line, err := textfile.Line([]byte(c.raw))
			if line != c.line || !errors.Is(err, c.err) {
				t.Errorf("Line: %q, %v", line, err)
			}
			exact, err := textfile.Exact([]byte(c.raw))
			if want := c.line; c.exactE == nil && exact != want || !errors.Is(err, c.exactE) {
				t.Errorf("Exact: %q, %v", exact, err)
			}
		})
	}
}

// For any bytes, a line is text on one line that occurs in them as it is.
func FuzzLine(f *testing.F) {
	for _, seed := range []string{"", "a\n", "\xef\xbb\xbfa", "\xff\xfea\x00", "\xa3", "a\nb", "\xfe\xff\xd8\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		line, err := textfile.Line(raw)
		if err != nil {
			if line != "" {
				t.Errorf("%q, %v", line, err)
			}
			return
		}
		if !utf8.ValidString(line) || strings.ContainsFunc(line, unicode.IsControl) {
			t.Errorf("%q is not a line", line)
		}
		if raw16 := len(raw) > 1 && (raw[0] == 0xff || raw[0] == 0xfe); !raw16 && !strings.Contains(string(raw), line) {
			t.Errorf("%q is not part of %q", line, raw)
		}
		if exact, err := textfile.Exact(raw); err == nil && exact != line {
			t.Errorf("exactly %q, and as a line %q", exact, line)
		}
	})
}
