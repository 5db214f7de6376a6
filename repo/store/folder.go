package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"

	"github.com/go-git/go-billy/v5"

	"aergo/repo/durable"
)

// folder is the folder of packs. It adds to billy what the store needs: syncing of files
// and of the folder itself, and a lock, as not every billy filesystem can be used from
// several goroutines. Reads share the lock; what changes names or lengths excludes them.
type folder struct {
	fs billy.Filesystem
	mu sync.RWMutex
}

// list returns names and sizes; a folder that does not exist is empty.
func (d *folder) list() (map[string]int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	infos, err := d.fs.ReadDir(".")
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list packs: %w", err)
	}
	sizes := make(map[string]int64, len(infos))
	for _, info := range infos {
		if !info.IsDir() {
			sizes[info.Name()] = info.Size()
		}
	}
	return sizes, nil
}

func (d *folder) exists(name string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, err := d.fs.Stat(name)
	return err == nil
}

func (d *folder) open(name string) (billy.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fs.Open(name)
}

// openWrite opens a file for appending at offset; at offset 0 it makes the file, or empties it.
func (d *folder) openWrite(name string, offset int64) (billy.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	flag := os.O_RDWR
	if offset == 0 {
		flag |= os.O_CREATE | os.O_TRUNC
	}
	f, err := d.fs.OpenFile(name, flag, 0o666)
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// size returns the length of an open file.
func (d *folder) size(f billy.File) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return f.Seek(0, io.SeekEnd)
}

// readAt fills b; a file that ends before is io.ErrUnexpectedEOF.
func (d *folder) readAt(f billy.File, b []byte, offset int64) error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	n, err := f.ReadAt(b, offset)
	switch {
	case n == len(b):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	}
	return err
}

func (d *folder) write(f billy.File, b []byte) error {
	d.mu.RLock()
	defer d.mu.RUnlock()
	n, err := f.Write(b)
	if err == nil && n != len(b) {
		err = io.ErrShortWrite
	}
	return err
}

// truncate cuts the named file and makes that durable.
func (d *folder) truncate(name string, size int64) error {
	f, err := d.openWrite(name, size)
	if err != nil {
		return err
	}
	d.mu.Lock()
	err = f.Truncate(size)
	d.mu.Unlock()
	if err == nil {
		err = durable.File(f)
	}
	return errors.Join(err, f.Close())
}

// syncNames makes the names in the folder durable, where folders can be opened and synced.
func (d *folder) syncNames() error {
	dir, err := d.open(".")
	if err != nil {
		// Memory filesystems do not open folders, and have nothing to sync.
		return nil
	}
	err = durable.File(dir)
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil
	}
	return errors.Join(err, dir.Close())
}

func (d *folder) remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.fs.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// replace writes a whole file under a temporary name, syncs it, and renames it.
func (d *folder) replace(name string, data []byte) error {
	tmp := name + ".tmp"
	f, err := d.openWrite(tmp, 0)
	if err != nil {
		return err
	}
	err = d.write(f, data)
	if err == nil {
		err = durable.File(f)
	}
	if err = errors.Join(err, f.Close()); err == nil {
		d.mu.Lock()
		err = d.fs.Rename(tmp, name)
		d.mu.Unlock()
	}
	if err != nil {
		return errors.Join(err, d.remove(tmp))
	}
	return nil
}

// readAll reads a file of at most maxBytes whole.
func (d *folder) readAll(name string, maxBytes int64) ([]byte, error) {
	f, err := d.open(name)
	if err != nil {
		return nil, err
	}
	size, err := d.size(f)
	if err == nil && size > maxBytes {
		err = fmt.Errorf("%s: %d bytes, above the limit of %d", name, size, maxBytes)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	b := make([]byte, size)
	err = d.readAt(f, b, 0)
	return b, errors.Join(err, f.Close())
}
