package branch

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"

	"github.com/go-git/go-billy/v5"

	"aergo/repo/durable"
	"aergo/repo/object"
)

// Update writes what changed in the pool since it was loaded as c, durably, and returns
// the new place. Nothing but the caller, who holds the repository's lock, writes here.
func (j *Journal) Update(c Contents, p *Pending) (Place, error) {
	var records [][]byte
	before := c.Pending
	fresh := before == nil || c.Sealed != nil || !p.extends(before)
	if fresh {
		records = append(records, object.AppendHash(head(2, recordStart), p.Base))
		before = &Pending{Base: p.Base, Open: object.NewChunkBuilder()}
	}
	done := before.Done
	if before.Base != p.Base {
		records = append(records, object.AppendHash(head(2, recordMove), p.Base))
		done = Done{}
	}
	for _, chunk := range p.Closed[len(before.Closed):] {
		f := object.AppendHash(head(3, recordChunk), chunk.Hash)
		records = append(records, object.AppendUint(f, chunk.Count))
	}
	if add := addRecord(before, p); add != nil {
		records = append(records, add)
	}
	if p.Done.Count > 0 && (p.Done.Count != done.Count || p.Done.State != done.State) {
		records = append(records, doneRecord(&p.Done))
	}
	return j.write(c.Place, fresh, records)
}

// extends says whether p is what before was, or begins with it.
func (p *Pending) extends(before *Pending) bool {
	n := len(before.Closed)
	if n > len(p.Closed) || !slices.Equal(p.Closed[:n], before.Closed) {
		return false
	}
	names := before.Open.Names()
	return len(p.Closed) > n || p.Open.Count() >= before.Open.Count() &&
		len(p.Open.Names()) >= len(names) && slices.Equal(p.Open.Names()[:len(names)], names)
}

// write appends records as one frame. What was executed is only kept to save time: it is
// left out where the frame would become too large with it.
func (j *Journal) write(at Place, fresh bool, records [][]byte) (Place, error) {
	if len(records) == 0 {
		return j.append(at, fresh, nil)
	}
	sizeBytes := 0
	for _, r := range records {
		sizeBytes += len(r)
	}
	last := records[len(records)-1]
	if sizeBytes+frameHeadBytes > maxFrameBytes && last[1] == recordDone {
		return j.write(at, fresh, records[:len(records)-1])
	}
	if sizeBytes+frameHeadBytes > maxFrameBytes || len(records) > maxRecords {
		return Place{}, fmt.Errorf("pool: %d records of %d bytes at once are more than it takes", len(records), sizeBytes)
	}
	payload := object.AppendArray(make([]byte, 0, sizeBytes+9), len(records))
	for _, r := range records {
		payload = append(payload, r...)
	}
	return j.append(at, fresh, appendFrame(nil, payload))
}

// head begins a record of n elements.
func head(n, kind int) []byte {
	return object.AppendUint(object.AppendArray(nil, n), uint64(kind))
}

// addRecord returns the record of the open transactions and names that before does not
// have, nil if there are none.
func addRecord(before, p *Pending) []byte {
	names, count := before.Open.Names(), before.Open.Count()
	if len(p.Closed) > len(before.Closed) {
		names, count = nil, 0
	}
	if p.Open.Count() == count && len(p.Open.Names()) == len(names) {
		return nil
	}
	f := head(3, recordAdd)
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

func doneRecord(d *Done) []byte {
	f := object.AppendUint(head(6, recordDone), d.Count)
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
	f := object.AppendHash(head(3, recordSealed), s.Batch)
	_, err := j.write(c.Place, false, [][]byte{object.AppendHash(f, s.Block)})
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

// append writes frames after a place, or into a new file.
func (j *Journal) append(at Place, fresh bool, frames []byte) (Place, error) {
	if fresh {
		return j.begin(frames)
	}
	if len(frames) == 0 {
		return at, nil
	}
	f, err := j.fs.OpenFile(j.name(at.File), os.O_RDWR, 0o644)
	if err != nil {
		return Place{}, err
	}
	defer f.Close()
	if err := f.Truncate(at.LengthBytes); err != nil {
		return Place{}, err
	}
	if _, err := f.Seek(at.LengthBytes, io.SeekStart); err != nil {
		return Place{}, err
	}
	if err := writeSynced(f, frames); err != nil {
		// What got written is a torn tail to every reader; cut it off while we can.
		_ = f.Truncate(at.LengthBytes)
		return Place{}, err
	}
	at.LengthBytes += int64(len(frames))
	return at, nil
}

// keptFiles is how many files of a pool stay, for undo; older ones go as new ones come.
const keptFiles = 16

// begin makes a new file the current one. It gets its name when it is whole: until then
// the pool is what it was.
func (j *Journal) begin(frames []byte) (Place, error) {
	newest, err := j.current()
	if err != nil {
		return Place{}, err
	}
	if err := j.fs.MkdirAll(j.folder, 0o755); err != nil {
		return Place{}, err
	}
	at := Place{File: newest + 1, LengthBytes: int64(len(frames))}
	name := j.name(at.File)
	if err = j.create(name+beginning, frames); err == nil {
		err = j.fs.Rename(name+beginning, name)
	}
	if err != nil {
		_ = j.fs.Remove(name + beginning)
		return Place{}, err
	}
	if at.File > keptFiles {
		_ = j.fs.Remove(j.name(at.File - keptFiles)) // gone already, or left to a clean-up
	}
	return at, errors.Join(durable.Folder(j.fs, j.folder), durable.Folder(j.fs, path.Dir(j.folder)))
}

// create writes a whole file, durably but for its name.
func (j *Journal) create(name string, data []byte) error {
	f, err := j.fs.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(writeSynced(f, data), f.Close())
}

// beginning is what the name of a file ends with while it is written.
const beginning = ".new"

func writeSynced(f billy.File, data []byte) error {
	if _, err := f.Write(data); err != nil {
		return err
	}
	return durable.File(f)
}
