// SPDX-License-Identifier: Apache-2.0

package run

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/session"
	"github.com/pam-operator/pam-operator/internal/sshconfig"
)

// alias is the host in the ssh configuration.
const alias = "pam"

// Files in the folder of a session. Each is there only if the session has what is in it.
const (
	fileSSHConfig  = "ssh_config"
	fileKnownHosts = "known_hosts"
	fileRDP        = "session.rdp"
	fileUsername   = "username"
	filePassword   = "password"
)

// folder is where the connection data are while they are used.
type folder struct {
	path string
	// mode is that of the files.
	mode fs.FileMode
	// ours is set for a folder that goes with the session. In any other one, only the files go.
	ours bool
	// knownHosts are the host keys to accept; nil leaves them to ssh.
	knownHosts []byte

	writing sync.Mutex
	written map[string]bool
	removed bool
}

// privateFolder makes a folder that nobody else can read, in memory if the system has such a place for the user.
func privateFolder(getenv func(string) string) (*folder, error) {
	made, err := session.PrivateFolder(getenv)
	if err != nil {
		return nil, err
	}
	path, err := filepath.Abs(made)
	return &folder{path: path, mode: 0o600, ours: true, written: map[string]bool{}}, err
}

// givenFolder uses a folder that other containers share.
func givenFolder(path string, groupReadable bool) (*folder, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	d := &folder{path: path, mode: 0o600, written: map[string]bool{}}
	if groupReadable {
		d.mode = 0o640
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("--write-only: %w", err)
	}
	return d, nil
}

// try fails if the files could not be written: the folder takes none, or its path can stand in no configuration.
func (d *folder) try() error {
	file, err := os.CreateTemp(d.path, ".try-")
	if err != nil {
		return fmt.Errorf("the connection data could not be written: %w", err)
	}
	example := session.Material{Protocol: pamv1alpha1.ProtocolSSH, Host: "any", Port: "22"}
	_, _, err = contents(example, d.path, d.knownHosts)
	return errors.Join(err, file.Close(), os.Remove(file.Name()))
}

// contents are the files for a session's connection data. A user name that no configuration can hold is left out of it:
// literal is false then.
func contents(m session.Material, path string, knownHosts []byte) (files map[string][]byte, literal bool, err error) {
	files, literal = map[string][]byte{}, true
	put := func(name string, content []byte) {
		if len(content) > 0 {
			files[name] = content
		}
	}
	put(fileUsername, []byte(m.Username))
	put(filePassword, m.Password)
	switch m.Protocol {
	case pamv1alpha1.ProtocolRDP:
		put(fileRDP, m.RDP)
	case pamv1alpha1.ProtocolSSH:
		target := sshconfig.Target{Alias: alias, Host: m.Host, Port: m.Port, User: m.Username}
		if literal = sshconfig.Literal(target.User); !literal {
			target.User = ""
		}
		if knownHosts != nil {
			target.KnownHosts = filepath.Join(path, fileKnownHosts)
			files[fileKnownHosts] = knownHosts
		}
		text, err := target.Text()
		if err != nil {
			return nil, literal, err
		}
		put(fileSSHConfig, []byte(text))
	}
	return files, literal, nil
}

// fill writes or replaces the files. Each is replaced atomically, so a reader never sees half of one.
func (d *folder) fill(m session.Material) (literal bool, err error) {
	d.writing.Lock()
	defer d.writing.Unlock()
	files, literal, err := contents(m, d.path, d.knownHosts)
	if err != nil || d.removed {
		return literal, err
	}
	for name, content := range files {
		if err := d.write(name, content); err != nil {
			return literal, err
		}
	}
	return literal, nil
}

func (d *folder) write(name string, content []byte) error {
	file, err := os.CreateTemp(d.path, "."+name+"-")
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	err = errors.Join(err, file.Chmod(d.mode), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), filepath.Join(d.path, name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	d.written[name] = true
	return nil
}

// remove takes the connection data away, for good: nothing is written any more.
func (d *folder) remove() error {
	d.writing.Lock()
	defer d.writing.Unlock()
	d.removed = true
	if d.ours {
		return os.RemoveAll(d.path)
	}
	var all error
	for name := range d.written {
		if err := os.Remove(filepath.Join(d.path, name)); !errors.Is(err, fs.ErrNotExist) {
			all = errors.Join(all, err)
		}
	}
	return all
}
