// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/fstest"
	"time"
)

func TestOnlyNamesContentAndExecutabilityCount(t *testing.T) {
	one := fstest.MapFS{
		"b/run": {Data: []byte("x"), Mode: 0o755, ModTime: time.Unix(1, 0)},
		"a":     {Data: []byte("y"), Mode: 0o600},
	}
	two := fstest.MapFS{
		"a":     {Data: []byte("y"), Mode: 0o644, ModTime: time.Unix(2, 0)},
		"b/run": {Data: []byte("x"), Mode: 0o700},
	}
	if !bytes.Equal(packed(t, one, ""), packed(t, two, "")) {
		t.Error("the archives differ")
	}
	two["a"].Mode = 0o755
	if bytes.Equal(packed(t, one, ""), packed(t, two, "")) {
		t.Error("an executable file is packed like another one")
	}
}

func TestFilesAreBelowTheName(t *testing.T) {
	folder := fstest.MapFS{"Chart.yaml": {}, "templates/a.yaml": {}}
	for below, want := range map[string][]string{
		"":      {"Chart.yaml", "templates/", "templates/a.yaml"},
		"chart": {"chart/", "chart/Chart.yaml", "chart/templates/", "chart/templates/a.yaml"},
	} {
		reader := tar.NewReader(bytes.NewReader(packed(t, folder, below)))
		var got []string
		for {
			h, err := reader.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, h.Name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("below %q: %v", below, got)
		}
	}
}

func packed(t *testing.T, folder fstest.MapFS, below string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, folder, below); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
