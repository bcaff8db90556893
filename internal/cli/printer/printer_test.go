// SPDX-License-Identifier: Apache-2.0

package printer_test

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/cli/printer"
)

func TestAScreenIsWhatTheEnvironmentSays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env  map[string]string
		mode printer.ColorMode
		want printer.Screen
	}{
		"a pipe has no colours and does not cut": {
			nil, printer.ColorAuto, printer.Screen{Width: 100},
		},
		"COLUMNS cuts": {
			map[string]string{"COLUMNS": "80"}, printer.ColorAuto, printer.Screen{Width: 80, Cut: true},
		},
		"nothing is narrower than 40": {
			map[string]string{"COLUMNS": "3"}, printer.ColorAuto, printer.Screen{Width: 40, Cut: true},
		},
		"a COLUMNS that is no number is left alone": {
			map[string]string{"COLUMNS": "wide"}, printer.ColorAuto, printer.Screen{Width: 100},
		},
		"LC_ALL wins over LANG": {
			map[string]string{"LC_ALL": "C", "LANG": "en_GB.UTF-8"}, printer.ColorAuto, printer.Screen{Width: 100},
		},
		"UTF-8 is spelt in several ways": {
			map[string]string{"LANG": "de_DE.utf8"}, printer.ColorAuto, printer.Screen{Width: 100, UTF8: true},
		},
		"colours are forced even with NO_COLOR": {
			map[string]string{"NO_COLOR": "1"}, printer.ColorAlways, printer.Screen{Width: 100, Color: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := printer.Detect(&bytes.Buffer{}, c.mode, func(name string) string { return c.env[name] })
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestAColorModeIsOneOfThree(t *testing.T) {
	t.Parallel()
	mode := printer.ColorAuto
	if err := mode.Set("never"); err != nil || mode != printer.ColorNever {
		t.Errorf("it is %s: %v", mode, err)
	}
	if mode.Set("sometimes") == nil {
		t.Error("it takes anything")
	}
}

func FuzzCleanTextCannotMoveTheCursor(f *testing.F) {
	for _, seed := range []string{"plain", "\x1b[2J", "a\nb\tc\r", "\u202etxt", "\u009b31m", "\xff\xfe", "ж✔"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := printer.Clean(text)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool {
			return r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
		}) {
			t.Errorf("%q becomes %q", text, got)
		}
	})
}

func FuzzATableFitsItsScreen(f *testing.F) {
	f.Add("name", "state", "a long message that does not fit", 40, true)
	f.Add("", "", "", 120, false)
	f.Fuzz(func(t *testing.T, first, second, last string, width int, utf8Allowed bool) {
		if width < 40 || width > 400 || utf8.RuneCountInString(second) > 8 {
			t.Skip("the middle columns are words of ours, and screens have some width")
		}
		screen := printer.Screen{Width: width, Cut: true, UTF8: utf8Allowed}
		var out bytes.Buffer
		screen.Table(&out, printer.Table{Rows: []printer.Row{{
			Cells: []printer.Cell{{Text: first}, {Text: second, Mark: printer.MarkFailed}, {Text: last}}, Below: []string{last},
		}}})
		for line := range strings.Lines(out.String()) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width {
				t.Errorf("%d columns on a screen of %d: %q", n, width, line)
			}
		}
	})
}

func TestNumbersAndAgesReadWell(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{
		"0 objects":         printer.Plural(0, "object", "objects"),
		"1 object":          printer.Plural(1, "object", "objects"),
		"999 objects":       printer.Plural(999, "object", "objects"),
		"1,000 objects":     printer.Plural(1000, "object", "objects"),
		"12,003,045 things": printer.Plural(12003045, "thing", "things"),
		"4d":                printer.Age(time.Unix(4*24*3600, 0), time.Unix(0, 0)),
		"0s":                printer.Age(time.Unix(0, 0), time.Unix(60, 0)),
		"":                  printer.Age(time.Unix(0, 0), time.Time{}),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestAFormatIsOneOfThoseThatTheCommandHas(t *testing.T) {
	t.Parallel()
	if err := printer.FormatJSON.Check(printer.FormatJSON); err != nil {
		t.Error(err)
	}
	err := printer.FormatWide.Check(printer.FormatJSON, printer.FormatYAML)
	if err == nil || err.Error() != "must be one of json, yaml" {
		t.Error(err)
	}
}

func TestTheLastColumnIsNotLostToTheOthers(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	printer.Screen{Width: 40, Cut: true, UTF8: true}.Table(&out, printer.Table{
		Header: []string{"NAME", "TARGET", "AGE"},
		Rows:   []printer.Row{{Cells: printer.Texts("linux-root", "db1.payments.example.com", "12s")}},
	})
	want := "NAME        TARGET                   AGE\nlinux-root  db1.payments.example.c…  12s\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

func TestATextIsWrappedWithItsLists(t *testing.T) {
	t.Parallel()
	text := "One two three four five six seven.\n\n  A     one two three four\n        five\n  LONG  one\n"
	want := "One two three four\nfive six seven.\n\n  A     one two\n        three four\n        five\n  LONG  one"
	if got := (printer.Screen{Width: 18, Cut: true}).WrapText(text); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := (printer.Screen{Width: 18}).WrapText(text); got != text {
		t.Errorf("%q although nothing is cut", got)
	}
}

func TestANameIsQuotedThatLooksLikeAnotherOne(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"rdp demo": "rdp demo", "Größe": "Größe", "it's \"x\"": "it's \"x\"",
		"trailing ": `"trailing "`, "  leading": `"  leading"`, "tab\there": `"tab\there"`, "": `""`,
		"a\u00a0b": `"a\u00a0b"`, "nel\u0085x": `"nel\u0085x"`, "\u202etxt": `"\u202etxt"`, `"trailing "`: `"\"trailing \""`,
	} {
		if got := printer.Visible(name); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestOneLongTextDoesNotMakeEveryLineLong(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 200)
	var out bytes.Buffer
	printer.Screen{Width: printer.DefaultWidth}.Table(&out, printer.Table{
		Rows: []printer.Row{{Cells: printer.Texts("short", "x")}, {Cells: printer.Texts(long, "y")}},
	})
	want := "short" + strings.Repeat(" ", 57) + "x\n" + long + "  y\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
