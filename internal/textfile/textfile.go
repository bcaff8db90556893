// SPDX-License-Identifier: Apache-2.0

// Package textfile reads text as people put it into Secrets and ConfigMaps: from editors' files, which may begin with a
// byte order mark, end with a newline, or not be text at all. Bytes that are not text are refused and never replaced:
// changing one byte of a password makes it another password.
package textfile

import (
	"bytes"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	encoding "golang.org/x/text/encoding/unicode"
)

// The errors say what the bytes are and what to do, and quote none of them.
var (
	// ErrEncoding is for bytes that are not UTF-8, nor UTF-16 with a byte order mark.
	ErrEncoding = errors.New("is not text in UTF-8: save the file as UTF-8")
	// ErrZero is for zero bytes, which no text has.
	ErrZero = errors.New("has zero bytes, as UTF-16 without a byte order mark and UTF-32 have: save the file as UTF-8")
	// ErrControl is for text that must be one line and is not.
	ErrControl = errors.New("contains a newline or another control character: it must be one line")
	// ErrLineEnd is for text whose final newline might be intended.
	ErrLineEnd = errors.New("ends with a newline, which cannot be typed: leave it out, as " +
		"`printf %s` or an editor's setting for no final newline does")
)

const (
	lineEnds = "\r\n"
	markUTF8 = "\xef\xbb\xbf"
)

var (
	marks16 = [][]byte{{0xff, 0xfe}, {0xfe, 0xff}}
	marked  = encoding.UTF16(encoding.LittleEndian, encoding.ExpectBOM)
)

// Text returns the text without its byte order mark. It fails with ErrEncoding and ErrZero.
func Text(raw []byte) (string, error) {
	text := bytes.TrimPrefix(raw, []byte(markUTF8))
	for _, mark := range marks16 {
		if !bytes.HasPrefix(raw, mark) {
			continue
		}
		decoded, err := marked.NewDecoder().Bytes(raw)
		if err != nil || len(raw)%2 != 0 || bytes.ContainsRune(decoded, utf8.RuneError) {
			return "", ErrEncoding
		}
		text = decoded
	}
	switch {
	case bytes.IndexByte(text, 0) >= 0:
		return "", ErrZero
	case !utf8.Valid(text):
		return "", ErrEncoding
	}
	return string(text), nil
}

// Line returns a text of one line, without newlines at its end. It fails as Text does, and with ErrControl.
func Line(raw []byte) (string, error) {
	text, err := Text(raw)
	if err != nil {
		return "", err
	}
	text = strings.TrimRight(text, lineEnds)
	if strings.ContainsFunc(text, unicode.IsControl) {
		return "", ErrControl
	}
	return text, nil
}

// Exact returns a text of one line in which every character counts. It fails as Line does, and with ErrLineEnd where
// Line would remove something.
func Exact(raw []byte) (string, error) {
	text, err := Text(raw)
	if err == nil && strings.TrimRight(text, lineEnds) != text {
		err = ErrLineEnd
	}
	if err != nil {
		return "", err
	}
	return Line(raw)
}
