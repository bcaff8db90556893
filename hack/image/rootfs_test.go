// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

func TestRootfsHasTheContentOfTheImage(t *testing.T) {
	o := hello(t)
	o.architectures = []string{"amd64"}
	want := slices.Sorted(maps.Keys(files(t, images(t, written(t, o))["linux/amd64"])))
	o.rootfs = filepath.Join(t.TempDir(), "rootfs")
	if err := o.writeRootfs(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got []string
	err := fs.WalkDir(os.DirFS(o.rootfs), ".", func(name string, _ fs.DirEntry, err error) error {
		if name != "." {
			got = append(got, name)
		}
		return err
	})
	if slices.Sort(got); err != nil || !slices.Equal(got, want) {
		t.Errorf("the folder has %v, the image %v; %v", got, want, err)
	}
}

func TestRootfsIsReadableWhateverTheUmask(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	o := hello(t)
	o.architectures, o.rootfs = []string{"amd64"}, filepath.Join(t.TempDir(), "rootfs")
	if err := o.writeRootfs(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{
		".":              fs.ModeDir | 0o755,
		"hello":          0o755,
		"etc/passwd":     0o644,
		certificatesFile: 0o644,
		"tmp":            fs.ModeDir | fs.ModeSticky | 0o777,
	} {
		info, err := os.Stat(filepath.Join(o.rootfs, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has the mode %s, want %s", name, info.Mode(), want)
		}
	}
}
