package repo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"github.com/go-git/go-billy/v5"

	"aergo/repo/durable"
	"aergo/repo/object"
	"aergo/repo/ref"
)

// FormatVersion is the version of a repository's folder. A repository of a later one is
// refused.
const FormatVersion = 1

const configFile = "config.json"

// config is what a repository knows about itself beside its objects and refs.
type config struct {
	Version   int                 `json:"version"`
	Directory object.Hash         `json:"directory"`               // genesis of its Directory
	Head      object.Hash         `json:"directory_head,omitzero"` // newest block of its Directory; zero is the genesis
	Owner     string              `json:"owner"`                   // name of the owner's key in the keyring
	Remotes   map[ref.Name]string `json:"remotes,omitempty"`
	Partial   *Partial            `json:"partial,omitempty"` // nil for a clone that lacks nothing
}

var (
	// ErrNoRepository says that there is no repository where one was looked for.
	ErrNoRepository = errors.New("no repository here")
	// ErrExists says that there is one where a new one was to be made.
	ErrExists = errors.New("repository exists already")
	// ErrFormat says that the repository's folder is of a version or shape that this
	// program does not read.
	ErrFormat = errors.New("repository format not understood")
)

// directoryHead returns the newest block of the Directory.
func (c config) directoryHead() object.Hash {
	if c.Head.IsZero() {
		return c.Directory
	}
	return c.Head
}

// config returns the configuration as it was last looked at. Its map is not to be changed.
func (r *Repo) config() config { return *r.settings.Load() }

// setConfig takes in a configuration that has been read or written.
func (r *Repo) setConfig(c config) { r.settings.Store(&c) }

// refreshConfig looks at the configuration again, which another process may have changed: at
// the newest block of the Directory, whose key seals, and what is lacking here.
func (r *Repo) refreshConfig() error {
	c, err := readConfig(r.fs)
	if err != nil {
		return err
	}
	r.setConfig(c)
	return nil
}

func readConfig(fs billy.Filesystem) (config, error) {
	f, err := fs.Open(configFile)
	if errors.Is(err, os.ErrNotExist) {
		return config{}, ErrNoRepository
	}
	if err != nil {
		return config{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return config{}, err
	}
	var c config
	if err := json.Unmarshal(data, &c); err != nil {
		return config{}, fmt.Errorf("%s: %w: %w", configFile, ErrFormat, err)
	}
	if c.Version != FormatVersion || c.Directory.IsZero() {
		return config{}, fmt.Errorf("%s: %w: version %d, this program reads %d", configFile, ErrFormat, c.Version, FormatVersion)
	}
	if err := c.Partial.check(); err != nil {
		return config{}, fmt.Errorf("%s: partial: %w", configFile, err)
	}
	return c, nil
}

// writeConfig replaces the file as a whole.
func writeConfig(fs billy.Filesystem, c config) error {
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(fs, configFile, append(data, '\n'))
}

// replaceFile writes a file so that a crash leaves the old one or the new one.
func replaceFile(fs billy.Filesystem, name string, data []byte) error {
	temp := name + ".new"
	f, err := fs.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = durable.File(f)
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = fs.Rename(temp, name)
	}
	if err != nil {
		_ = fs.Remove(temp)
		return err
	}
	return durable.Folder(fs, path.Dir(name))
}
