// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestTheSameFolderGivesTheSameBytes(t *testing.T) {
	t.Parallel()
	var archives [2][]byte
	for i := range archives {
		folder, file := t.TempDir(), filepath.Join(t.TempDir(), "out.zip")
		for _, name := range []string{"b", "a"} {
			path := filepath.Join(folder, name)
			if err := os.WriteFile(path, []byte("content of "+name), 0o600); err != nil {
				t.Fatal(err)
			}
			then := time.Unix(int64(1000000000+i), 0)
			if err := os.Chtimes(path, then, then); err != nil {
				t.Fatal(err)
			}
		}
		if err := run([]string{file, folder}); err != nil {
			t.Fatal(err)
		}
		var err error
		if archives[i], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(archives[0], archives[1]) {
		t.Error("the archives differ")
	}
	r, err := zip.NewReader(bytes.NewReader(archives[0]), int64(len(archives[0])))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.File) != 2 || r.File[0].Name != "a" || r.File[0].Mode() != 0o755 {
		t.Errorf("it has %d files, the first is %s, %s", len(r.File), r.File[0].Name, r.File[0].Mode())
	}
}

func TestWrongArgumentsAreRefused(t *testing.T) {
	t.Parallel()
	if run([]string{"one"}) == nil || run([]string{filepath.Join(t.TempDir(), "no", "x.zip"), "."}) == nil {
		t.Error("it was taken")
	}
}
