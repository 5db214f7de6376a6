package branch

import (
	"errors"
	"fmt"
	"os"
	"path"

	"github.com/go-git/go-billy/v5"

	"aergo/repo/durable"
	"aergo/repo/object"
)

// Inbox keeps the signed batches that were accepted for one branch and that no block holds
// yet, whole, with the receipts that were given for them, and for a while what became of each.
// It is kept in frames as a Journal's files are, in a folder of its own; the highest number is
// the current file. The records of a frame are
//
//	[0, batch, its seal, [chunk...], receipt, its seal]                 accepted
//	[1, receipt, its seal, block?, height, runs, exclusions, refusal]   settled
//
// A batch is decided by the blocks of its branch, not by what the inbox says of it: that a
// settled record is lost loses nothing. The other way round, what is accepted is in the inbox,
// durably, before anybody is told.
type Inbox struct {
	fs    billy.Filesystem
	files Journal
}

const (
	recordAccepted, recordSettled = 0, 1

	// keptSettled is how many batches are remembered after they are settled, and
	// keptSettledBytes how much of them.
	keptSettled      = 1 << 10
	keptSettledBytes = 4 << 20
	// inboxTurnBytes is from which size on a file is written anew, without what is settled
	// and forgotten.
	inboxTurnBytes = 8 << 20
)

// NewInbox returns the inbox in a folder, which need not exist.
func NewInbox(fs billy.Filesystem, folder string) *Inbox {
	return &Inbox{fs: fs, files: Journal{fs: fs, folder: folder}}
}

// Settled is what became of a batch that was accepted.
type Settled struct {
	Receipt PoolReceipt
	Block   object.Hash // that decided; zero if none ever will
	Height  uint64
	// Runs and Excluded are the verdicts in that block, if they are not those of the receipt.
	Runs     []object.Run
	Excluded []object.Exclusion
	Refusal  string // why no block will hold it
}

// Changed says whether the receipt's promise was not kept.
func (s *Settled) Changed() bool { return s.Block.IsZero() || len(s.Runs) > 0 }

// InboxContents is what an inbox holds.
type InboxContents struct {
	Open    []*Accepted // in the order in which they were accepted
	Settled []Settled   // the last ones, oldest first

	OpenBytes    int
	settledBytes int
	place        Place
}

// Receipt returns the last receipt that was given for a batch, nil if none is remembered.
func (c *InboxContents) Receipt(batch object.Hash) *PoolReceipt {
	for _, a := range c.Open {
		if a.Batch.ID == batch {
			return &a.Receipt
		}
	}
	for i := len(c.Settled) - 1; i >= 0; i-- {
		if c.Settled[i].Receipt.Batch == batch {
			return &c.Settled[i].Receipt
		}
	}
	return nil
}

// Load reads the current file.
func (b *Inbox) Load() (*InboxContents, error) {
	n, err := b.files.current()
	if err != nil || n == 0 {
		return &InboxContents{}, err
	}
	data, err := b.files.read(n)
	if err != nil {
		return nil, err
	}
	c, err := parseInbox(n, data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.files.name(n), err)
	}
	return c, nil
}

// TornBytes returns how many bytes at the end of the current file are no frames: something that
// was being accepted when it was interrupted, if anything.
func (b *Inbox) TornBytes(c *InboxContents) (int64, error) {
	if c.place.File == 0 {
		return 0, nil
	}
	info, err := b.fs.Stat(b.files.name(c.place.File))
	if err != nil {
		return 0, err
	}
	return max(info.Size()-c.place.LengthBytes, 0), nil
}

// parseInbox reads the content of a file up to its end or a torn tail.
func parseInbox(file uint64, data []byte) (*InboxContents, error) {
	c := &InboxContents{place: Place{File: file}}
	for {
		rest := data[c.place.LengthBytes:]
		payload, size := nextFrame(rest)
		if payload == nil {
			if hidesFrame(rest) {
				return nil, fmt.Errorf("%w at byte %d: a frame cannot be read, and others follow", ErrDamaged, c.place.LengthBytes)
			}
			return c, nil
		}
		if err := c.take(payload); err != nil {
			return nil, fmt.Errorf("%w at byte %d: %w", ErrDamaged, c.place.LengthBytes, err)
		}
		c.place.LengthBytes += int64(size)
	}
}

// Current says whether contents are still what the files say: another process may have
// written since they were loaded.
func (b *Inbox) Current(c *InboxContents) (bool, error) {
	if c.place.File == 0 {
		n, err := b.files.current()
		return n == 0, err
	}
	info, err := b.fs.Stat(b.files.name(c.place.File))
	if err != nil || info.Size() != c.place.LengthBytes {
		return false, ignoreMissing(err)
	}
	_, err = b.fs.Stat(b.files.name(c.place.File + 1))
	return err != nil, ignoreMissing(err)
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// Accept adds batches, durably: all of them or, after an error, none. Nothing but the caller,
// who holds the intake's lock, writes here.
func (b *Inbox) Accept(c *InboxContents, batches []*Accepted) error {
	records := make([][]byte, len(batches))
	for i, a := range batches {
		records[i] = acceptedRecord(a)
	}
	if err := b.write(c, records); err != nil {
		return err
	}
	for _, a := range batches {
		c.accept(a)
	}
	return nil
}

// Settle notes what became of batches.
func (b *Inbox) Settle(c *InboxContents, settled []Settled) error {
	records := make([][]byte, len(settled))
	for i := range settled {
		records[i] = settledRecord(&settled[i])
	}
	if err := b.write(c, records); err != nil {
		return err
	}
	for i := range settled {
		c.settle(settled[i])
	}
	if c.place.LengthBytes < int64(max(inboxTurnBytes, 2*(c.OpenBytes+c.settledBytes))) {
		return nil
	}
	return b.turn(c)
}

// turn begins a new file with what still counts.
func (b *Inbox) turn(c *InboxContents) error {
	var frames []byte
	for i := range c.Settled {
		frames = appendRecords(frames, settledRecord(&c.Settled[i]))
	}
	for _, a := range c.Open {
		frames = appendRecords(frames, acceptedRecord(a))
	}
	place, err := b.files.append(c.place, true, frames)
	if err != nil {
		return err
	}
	c.place = place
	files, err := b.files.Files()
	if err != nil {
		return err
	}
	for _, n := range files {
		if n < place.File {
			_ = b.files.Remove(n) // the next turn tries again
		}
	}
	return nil
}

// write appends records as one frame, durably.
func (b *Inbox) write(c *InboxContents, records [][]byte) error {
	frame := appendRecords(nil, records...)
	if len(frame) > maxFrameBytes {
		return fmt.Errorf("inbox: %d records of %d bytes at once are more than it takes", len(records), len(frame))
	}
	if c.place.File == 0 {
		return b.begin(c, frame)
	}
	place, err := b.files.append(c.place, false, frame)
	if err == nil {
		c.place = place
	}
	return err
}

// begin makes the first file. If that fails nothing of it stays.
func (b *Inbox) begin(c *InboxContents, frame []byte) error {
	above := path.Dir(b.files.folder)
	if err := b.fs.MkdirAll(above, 0o755); err != nil {
		return err
	}
	if err := durable.Folder(b.fs, path.Dir(above)); err != nil {
		return err
	}
	place, err := b.files.begin(frame)
	if err != nil {
		if n, _ := b.files.current(); n > 0 {
			_ = b.fs.Remove(b.files.name(n))
		}
		return err
	}
	c.place = place
	return nil
}

// appendRecords appends a frame of records.
func appendRecords(frames []byte, records ...[]byte) []byte {
	payload := object.AppendArray(nil, len(records))
	for _, r := range records {
		payload = append(payload, r...)
	}
	return appendFrame(frames, payload)
}

func acceptedRecord(a *Accepted) []byte {
	f := make([]byte, 0, a.SizeBytes()+len(a.Receipt.Record)+256)
	f = object.AppendUint(object.AppendArray(f, 6), recordAccepted)
	f = object.AppendBytes(f, a.Record)
	f = object.AppendBytes(f, a.Seal[:])
	f = object.AppendArray(f, len(a.Data))
	for _, d := range a.Data {
		f = object.AppendBytes(f, d)
	}
	f = object.AppendBytes(f, a.Receipt.Record)
	return object.AppendBytes(f, a.Receipt.Seal[:])
}

func settledRecord(s *Settled) []byte {
	f := head(8, recordSettled)
	f = object.AppendBytes(f, s.Receipt.Record)
	f = object.AppendBytes(f, s.Receipt.Seal[:])
	f = object.AppendBytes(f, nonZero(s.Block))
	f = object.AppendUint(f, s.Height)
	f = object.AppendRuns(f, s.Runs)
	f = object.AppendExclusions(f, s.Excluded)
	return object.AppendText(f, s.Refusal)
}

func nonZero(h object.Hash) []byte {
	if h.IsZero() {
		return nil
	}
	return h[:]
}

// take applies one frame.
func (c *InboxContents) take(payload []byte) error {
	r := object.NewReader(payload)
	n := r.Array(maxFrameBytes)
	if r.Err() == nil && n == 0 {
		r.Fail("frame without records")
	}
	for ; n > 0 && r.Err() == nil; n-- {
		elements := r.Array(8)
		kind := r.UintMax(recordSettled)
		switch {
		case r.Err() != nil:
		case kind == recordAccepted && elements == 6:
			c.takeAccepted(r)
		case kind == recordSettled && elements == 8:
			c.takeSettled(r)
		default:
			r.Fail("record %d of %d elements", kind, elements)
		}
	}
	return r.End()
}

func (c *InboxContents) takeAccepted(r *object.Reader) {
	record, seal := r.Bytes(object.MaxSizeBytes), r.Bytes(object.SealSize)
	var data [][]byte
	for n := r.Array(object.MaxChunks); n > 0 && r.Err() == nil; n-- {
		data = append(data, r.Bytes(object.MaxSizeBytes))
	}
	receipt := readReceipt(r)
	if r.Err() != nil {
		return
	}
	a, err := ReadAccepted(record, seal, data)
	if err != nil {
		r.Fail("%v", err)
		return
	}
	if a.Receipt = receipt; receipt.Batch != a.Batch.ID {
		r.Fail("the receipt is of another batch")
		return
	}
	c.accept(a)
}

func (c *InboxContents) takeSettled(r *object.Reader) {
	s := Settled{Receipt: readReceipt(r)}
	if block := r.Bytes(object.HashSize); len(block) > 0 && r.Err() == nil {
		h, err := object.HashFromBytes(block)
		if err != nil || h.IsZero() {
			r.Fail("deciding block of %d bytes, or of zeros", len(block))
		}
		s.Block = h
	}
	s.Height, s.Runs = r.Uint(), r.Runs()
	s.Excluded = r.Exclusions(s.Runs)
	s.Refusal = r.Text(object.MaxMessageBytes)
	if r.Err() == nil {
		c.settle(s)
	}
}

func readReceipt(r *object.Reader) PoolReceipt {
	record, seal := r.Bytes(object.MaxSizeBytes), r.Bytes(object.SealSize)
	if r.Err() != nil {
		return PoolReceipt{}
	}
	receipt, err := ReadPoolReceipt(record, seal)
	if err != nil {
		r.Fail("%v", err)
	}
	return receipt
}

func (c *InboxContents) accept(a *Accepted) {
	c.Open = append(c.Open, a)
	c.OpenBytes += a.SizeBytes()
}

// settle moves a batch from those that are open to those that are settled.
func (c *InboxContents) settle(s Settled) {
	for i, a := range c.Open {
		if a.Batch.ID == s.Receipt.Batch {
			c.Open = append(c.Open[:i:i], c.Open[i+1:]...)
			c.OpenBytes -= a.SizeBytes()
			break
		}
	}
	c.Settled = append(c.Settled, s)
	c.settledBytes += len(settledRecord(&s))
	for len(c.Settled) > keptSettled || c.settledBytes > keptSettledBytes && len(c.Settled) > 1 {
		c.settledBytes -= len(settledRecord(&c.Settled[0]))
		c.Settled = c.Settled[1:]
	}
}
