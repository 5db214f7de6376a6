package faultfs

import (
	"bytes"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
)

// file is a handle.
type file struct {
	*disk
	node             *node
	name, path       string
	offset           int64
	append, writable bool
	closed           bool
}

func (f *file) Name() string { return f.name }

// usable checks that the handle can be used. The caller holds the lock.
func (f *file) usable(write bool) error {
	switch {
	case f.crashed:
		return ErrCrashed
	case f.closed:
		return &fs.PathError{Op: "use", Path: f.name, Err: fs.ErrClosed}
	case write && !f.writable:
		return &fs.PathError{Op: "write", Path: f.name, Err: syscall.EBADF}
	}
	return nil
}

func (f *file) Read(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.readAt(b, f.offset)
	f.offset += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (f *file) ReadAt(b []byte, offset int64) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.readAt(b, offset)
}

func (f *file) readAt(b []byte, offset int64) (int, error) {
	if err := f.usable(false); err != nil {
		return 0, err
	}
	if offset < 0 || offset >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(b, f.node.data[offset:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.usable(true); err != nil {
		return 0, err
	}
	if f.append {
		f.offset = int64(len(f.node.data))
	}
	fault := f.begin(OpWrite, f.path)
	want, err := len(b), fault.Err
	if fault.Drop {
		b = b[:min(fault.Short, len(b))]
	}
	if f.capacity > 0 {
		if room := f.capacity - f.root.bytes(); f.offset+int64(len(b)) > int64(len(f.node.data))+room {
			b = b[:max(0, min(int64(len(b)), int64(len(f.node.data))+room-f.offset))]
			err = ErrNoSpace
		}
	}
	f.node.write(b, f.offset)
	f.offset += int64(len(b))
	if err != nil {
		return len(b), err
	}
	return want, nil
}

func (f *file) Seek(offset int64, whence int) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.usable(false); err != nil {
		return 0, err
	}
	switch whence {
	case io.SeekCurrent:
		offset += f.offset
	case io.SeekEnd:
		offset += int64(len(f.node.data))
	}
	if offset < 0 {
		return 0, &fs.PathError{Op: "seek", Path: f.name, Err: fs.ErrInvalid}
	}
	f.offset = offset
	return offset, nil
}

func (f *file) Truncate(size int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.usable(true); err != nil {
		return err
	}
	fault := f.begin(OpTruncate, f.path)
	if !fault.Drop {
		f.node.truncate(size)
	}
	return fault.Err
}

// Sync makes the contents of a file durable, or the names in a folder.
func (f *file) Sync() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.usable(false); err != nil {
		return err
	}
	fault := f.begin(OpSync, f.path)
	if fault.Drop {
		return fault.Err
	}
	n := f.node
	if n.dir {
		n.durable, n.renames = maps.Clone(n.names), nil
	} else {
		n.synced, n.pending = bytes.Clone(n.data), nil
	}
	return fault.Err
}

func (f *file) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return &fs.PathError{Op: "close", Path: f.name, Err: fs.ErrClosed}
	}
	f.closed = true
	return nil
}

func (f *file) Lock() error   { return nil }
func (f *file) Unlock() error { return nil }

func (n *node) write(b []byte, offset int64) {
	if len(b) == 0 {
		return
	}
	n.data = writeAt(n.data, b, offset)
	n.pending = append(n.pending, change{offset: offset, data: bytes.Clone(b)})
}

func (n *node) truncate(size int64) {
	n.data = resize(n.data, size)
	n.pending = append(n.pending, change{offset: size, truncate: true})
}

func writeAt(data, b []byte, offset int64) []byte {
	if end := offset + int64(len(b)); end > int64(len(data)) {
		data = resize(data, end)
	}
	copy(data[offset:], b)
	return data
}

func resize(data []byte, size int64) []byte {
	if size <= int64(len(data)) {
		return slices.Clip(data[:size])
	}
	return append(data, make([]byte, size-int64(len(data)))...)
}

func (n *node) bytes() int64 {
	total := int64(len(n.data))
	for _, child := range n.names {
		total += child.bytes()
	}
	return total
}

func (n *node) copy() *node {
	if !n.dir {
		return &node{mode: n.mode, data: bytes.Clone(n.data), synced: bytes.Clone(n.data)}
	}
	c := newDir()
	for name, child := range n.names {
		c.names[name] = child.copy()
	}
	c.durable = maps.Clone(c.names)
	return c
}

// afterCrash copies what a crash leaves. seen keeps a file with two names one file.
func (n *node) afterCrash(rng *rand.Rand, seen map[*node]*node) *node {
	if c, ok := seen[n]; ok {
		return c
	}
	if !n.dir {
		data := n.torn(rng)
		c := &node{mode: n.mode, data: data, synced: bytes.Clone(data)}
		seen[n] = c
		return c
	}
	names := maps.Clone(n.durable)
	reached := 0
	if rng != nil {
		reached = rng.IntN(len(n.renames) + 1)
	}
	for _, r := range n.renames[:reached] {
		delete(names, r.gone)
		if r.node == nil {
			delete(names, r.name)
		} else {
			names[r.name] = r.node
		}
	}
	c := newDir()
	seen[n] = c
	for _, name := range slices.SortedFunc(maps.Keys(names), strings.Compare) {
		c.names[name] = names[name].afterCrash(rng, seen)
	}
	c.durable = maps.Clone(c.names)
	return c
}

const sectorBytes = 512

// torn returns the synced contents and a random part of the changes since.
func (n *node) torn(rng *rand.Rand) []byte {
	data := bytes.Clone(n.synced)
	if rng == nil || len(n.pending) == 0 {
		return data
	}
	switch rng.IntN(4) {
	case 0:
		return data
	case 1:
		return bytes.Clone(n.data)
	case 2:
		reached := rng.IntN(len(n.pending))
		for _, c := range n.pending[:reached] {
			data = c.apply(data)
		}
		if c := n.pending[reached]; !c.truncate {
			data = writeAt(data, c.data[:rng.IntN(len(c.data)+1)], c.offset)
		}
		return data
	}
	for _, c := range n.pending {
		if c.truncate {
			data = c.apply(data)
			continue
		}
		for at := 0; at < len(c.data); at += sectorBytes {
			if rng.IntN(2) == 0 {
				data = writeAt(data, c.data[at:min(at+sectorBytes, len(c.data))], c.offset+int64(at))
			}
		}
	}
	return data
}

func (c change) apply(data []byte) []byte {
	if c.truncate {
		return resize(data, c.offset)
	}
	return writeAt(data, c.data, c.offset)
}
