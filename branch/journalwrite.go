package branch

import (
	"errors"
	"fmt"
	"os"
	"path"

	"github.com/go-git/go-billy/v5"

	"aergo/repo/object"
)

// Update writes what changed in the pool since it was loaded as c, durably, and returns
// the new place. Nothing but the caller, who holds the repository's lock, writes here.
func (j *Journal) Update(c Contents, p *Pending) (Place, error) {
	var frames []byte
	before := c.Pending
	fresh := before == nil || c.Sealed != nil
	if fresh {
		frames = appendFrame(frames, object.AppendHash(head(2, frameStart), p.Base))
		before = &Pending{Base: p.Base, Open: object.NewChunkBuilder()}
	} else if before.Base != p.Base {
		frames = appendFrame(frames, object.AppendHash(head(2, frameMove), p.Base))
	}
	for _, chunk := range p.Closed[len(before.Closed):] {
		f := object.AppendHash(head(3, frameChunk), chunk.Hash)
		frames = appendFrame(frames, object.AppendUint(f, chunk.Count))
	}
	if add := addFrame(before, p); add != nil {
		frames = appendFrame(frames, add)
	}
	if p.Done.Count > 0 && (p.Done.Count != before.Done.Count || p.Done.State != before.Done.State) {
		frames = appendFrame(frames, doneFrame(&p.Done))
	}
	// An empty file, as a commit leaves behind, is as good as a new one.
	return j.append(c.Place, fresh && (c.Place.File == 0 || c.Place.LengthBytes > 0), frames)
}

// head begins the payload of a frame of n elements.
func head(n, kind int) []byte {
	return object.AppendUint(object.AppendArray(nil, n), uint64(kind))
}

// addFrame returns the frame with the open transactions that before does not have.
func addFrame(before, p *Pending) []byte {
	names, count := before.Open.Names(), before.Open.Count()
	if len(p.Closed) > len(before.Closed) {
		names, count = nil, 0
	}
	if p.Open.Count() == count {
		return nil
	}
	f := head(3, frameAdd)
	added := p.Open.Names()[len(names):]
	f = object.AppendArray(f, len(added))
	for _, n := range added {
		f = object.AppendText(f, n)
	}
	txs := p.Open.Encoded()[count:]
	f = object.AppendArray(f, len(txs))
	for _, tx := range txs {
		f = object.AppendBytes(f, tx)
	}
	return f
}

func doneFrame(d *Done) []byte {
	f := object.AppendUint(head(6, frameDone), d.Count)
	f = object.AppendHash(f, d.State)
	f = object.AppendBytes(f, d.Tree.Append(nil))
	f = object.AppendRuns(f, d.Runs)
	return object.AppendBytes(f, d.Receipts.Encode())
}

// MarkSealed notes that everything in c went into a block. It is written before the
// branch moves to that block: until it does, the note means nothing.
func (j *Journal) MarkSealed(c Contents, s Sealed) error {
	if c.Pending == nil || c.Sealed != nil {
		return nil
	}
	f := object.AppendHash(head(3, frameSealed), s.Batch)
	_, err := j.append(c.Place, false, appendFrame(nil, object.AppendHash(f, s.Block)))
	return err
}

// Return makes the pool what it was at a place, in a new file: what came since stays in
// the old one, and can be returned to.
func (j *Journal) Return(to Place) (Place, error) {
	now, err := j.current()
	if err != nil || to.File == 0 && now == 0 {
		return Place{}, err
	}
	var data []byte
	if to.File != 0 {
		if data, err = j.read(to.File); err != nil {
			return Place{}, err
		}
		if int64(len(data)) < to.LengthBytes {
			return Place{}, fmt.Errorf("%s: %w: it is shorter than it was", j.name(to.File), ErrDamaged)
		}
		data = data[:to.LengthBytes]
	}
	return j.append(Place{File: now}, true, data)
}

// keptFiles is how many files of a pool stay, for undo; older ones go as new ones come.
const keptFiles = 16

// append writes frames after a place, or at the start of a new file.
func (j *Journal) append(at Place, fresh bool, frames []byte) (Place, error) {
	if fresh {
		newest, err := j.current()
		if err != nil {
			return Place{}, err
		}
		at = Place{File: newest + 1}
		if err := j.fs.MkdirAll(j.folder, 0o755); err != nil {
			return Place{}, err
		}
		if at.File > keptFiles {
			_ = j.fs.Remove(j.name(at.File - keptFiles)) // gone already, or next time
		}
	} else if len(frames) == 0 {
		return at, nil
	}
	f, err := j.fs.OpenFile(j.name(at.File), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return Place{}, err
	}
	defer f.Close()
	if err := f.Truncate(at.LengthBytes); err != nil {
		return Place{}, err
	}
	if _, err := f.Seek(at.LengthBytes, 0); err != nil {
		return Place{}, err
	}
	if _, err := f.Write(frames); err != nil {
		// What got written is a torn tail to every reader; cut it off while we can.
		_ = f.Truncate(at.LengthBytes)
		return Place{}, err
	}
	if err := syncFile(f); err != nil {
		_ = f.Truncate(at.LengthBytes)
		return Place{}, err
	}
	at.LengthBytes += int64(len(frames))
	if fresh {
		return at, errors.Join(syncFolder(j.fs, j.folder), syncFolder(j.fs, path.Dir(j.folder)))
	}
	return at, nil
}

// syncFolder makes the names in a folder durable where the file system can.
func syncFolder(fs billy.Filesystem, folder string) error {
	f, err := fs.Open(folder)
	if err != nil {
		return nil // memory, where nothing is durable
	}
	defer f.Close()
	return syncFile(f)
}

func syncFile(f billy.File) error {
	if s, ok := f.(interface{ Sync() error }); ok {
		return s.Sync()
	}
	return nil
}
