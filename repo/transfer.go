package repo

import (
	"context"
	"errors"
	"fmt"

	"aergo/branch"
	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/state"
	"aergo/repo/store"
)

// receiver takes the objects that this repository lacks from a source, through a writer.
// It trusts nothing: it computes every hash and checks every seal. Nothing of it can be
// seen before the writer commits.
type receiver struct {
	ledger   *branch.Ledger // reads through the writer
	from     checked
	to       store.Writer
	progress func(Progress)
	begin    func() error // called before the first object is stored
	rows     []state.Span // that are wanted; nil for all
	rebuild  bool         // states and accounts are made by executing, and do not come
	// holds says whether what a block stands for is here; nil asks for the block.
	holds func(object.Hash) bool

	Transfer
	blocks []object.Hash // that came, ancestors first, but for the genesis of Directories
}

func (r *Repo) newReceiver(l *branch.Ledger, w store.Writer, from Source) *receiver {
	return &receiver{
		ledger: over(l, r.readable(w)), from: checked{from}, to: w, progress: r.opts.Progress,
		begin: func() error { return markIncoming(r.fs) }, rows: r.Lacking().rows(),
	}
}

// over returns the ledger as seen through other objects.
func over(l *branch.Ledger, objects store.Reader) *branch.Ledger {
	out := *l
	out.Chain = branch.Chain{Objects: objects}
	return &out
}

// take receives all that the blocks lead to.
func (rc *receiver) take(ctx context.Context, heads ...object.Hash) error {
	if err := rc.gather(ctx, Walk{Heads: heads}); err != nil {
		return err
	}
	if err := rc.closure().blocks(ctx, heads...); err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	rc.report()
	return nil
}

// closure walks what is to be received.
func (rc *receiver) closure() *closure {
	return &closure{from: nearest{rc.to, rc.from}, known: rc.to.Has, found: rc.receive, rows: rc.rows, rebuilt: rc.rebuild}
}

// nearest is a Source that asks another one for what is not here.
type nearest struct {
	here  store.Reader
	there Source
}

// Get implements Source.
func (n nearest) Get(ctx context.Context, h object.Hash) ([]byte, error) {
	if has, err := n.here.Has(ctx, h); err != nil || has {
		if err != nil {
			return nil, err
		}
		return n.here.Get(ctx, h)
	}
	return n.there.Get(ctx, h)
}

// Seal implements Source.
func (n nearest) Seal(ctx context.Context, h object.Hash) ([]byte, error) {
	return n.there.Seal(ctx, h)
}

// gather tells a source that wants to know it what will be asked for.
func (rc *receiver) gather(ctx context.Context, w Walk) error {
	w.Known, w.Rows, w.Rebuilt = rc.to.Has, rc.rows, rc.rebuild
	return gather(ctx, rc.from.from, w)
}

func gather(ctx context.Context, from Source, w Walk) error {
	g, ok := from.(Gatherer)
	if !ok || len(w.Heads)+len(w.Parts)+len(w.States)+len(w.Bodies) == 0 {
		return nil
	}
	if err := g.Gather(ctx, w); err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	return nil
}

// gatherAhead is for use before the lock is taken, so that no command waits for a slow
// network. What it brings near is looked at under the lock.
func (r *Repo) gatherAhead(ctx context.Context, from Source, heads ...object.Hash) error {
	l, err := r.ledger(ctx)
	if err != nil {
		return err
	}
	p := r.Lacking()
	return gather(ctx, from, Walk{Heads: heads, Known: l.Objects.Has, Rows: p.rows(), Headers: len(p.cuts()) > 0, Rebuilt: p == nil})
}

// progressEvery is how many objects go by between two reports of progress.
const progressEvery = 256

func (rc *receiver) report() { rc.progress(Progress{Phase: "fetching", Done: rc.Objects}) }

// receive takes one object.
func (rc *receiver) receive(ctx context.Context, kind object.Kind, h object.Hash) error {
	sizeBytes, err := rc.packed(ctx, kind, h)
	if err == nil && sizeBytes == 0 {
		sizeBytes, err = rc.plain(ctx, kind, h)
	}
	if err != nil {
		return err
	}
	rc.Bytes += uint64(sizeBytes)
	if rc.Objects++; rc.Objects%progressEvery == 0 {
		rc.report()
	}
	return nil
}

// packed takes an object as it was compressed elsewhere, and returns its plain size. It is 0 if
// that is not to be had: whatever is wrong with it shows when the object is taken plain.
func (rc *receiver) packed(ctx context.Context, kind object.Kind, h object.Hash) (sizeBytes int, err error) {
	from, given := rc.from.from.(PackedSource)
	to, taken := rc.to.(store.PackedWriter)
	if !given || !taken || kind != object.KindChunk && kind != object.KindBlob {
		return 0, nil
	}
	zstd, sizeBytes := from.Packed(ctx, h)
	if zstd == nil {
		return 0, nil
	}
	if err := rc.first(); err != nil {
		return 0, err
	}
	if err = to.PutPacked(kind, h, zstd, sizeBytes); errors.Is(err, store.ErrRefused) {
		return 0, nil
	}
	return sizeBytes, err
}

// plain takes an object, and returns its size.
func (rc *receiver) plain(ctx context.Context, kind object.Kind, h object.Hash) (sizeBytes int, err error) {
	data, err := rc.from.Get(ctx, h)
	if err != nil {
		return 0, fmt.Errorf("%s %s: %w", kind, h.Short(), err)
	}
	if got, err := object.KindOf(data); err != nil || got != kind {
		return 0, fmt.Errorf("%s %s: %w: it is a %s", kind, h.Short(), branch.FaultKind, got)
	}
	seal, err := rc.seal(ctx, kind, h, data)
	if err != nil {
		return 0, fmt.Errorf("%s %s: %w", kind, h.Short(), err)
	}
	if err := rc.first(); err != nil {
		return 0, err
	}
	return len(data), rc.to.PutSealed(kind, h, data, seal)
}

// first prepares for the first object.
func (rc *receiver) first() error {
	if rc.Objects > 0 {
		return nil
	}
	return rc.begin()
}

// seal fetches and checks the seal of an object, if its kind has one. The first seal that
// is stored stays, so a bad one must not come in.
func (rc *receiver) seal(ctx context.Context, kind object.Kind, h object.Hash, data []byte) ([]byte, error) {
	lineage, who, domain, sealed, err := rc.sealer(kind, h, data)
	if err != nil || !sealed {
		return nil, err
	}
	if home := rc.ledger.Directory.Lineage; lineage != home {
		return nil, fmt.Errorf("%w: %w: lineage %s, this repository is of %s", lineageFault(kind), branch.ErrForeign, lineage.Short(), home.Short())
	}
	seal, err := rc.from.Seal(ctx, h)
	if err != nil {
		return nil, err
	}
	sig, err := key.SignatureFromBytes(seal)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", branch.SignatureFault(domain), err)
	}
	if err := rc.ledger.Keys.Verify(key.Public(who.Key), domain, lineage, h, sig); err != nil {
		return nil, fmt.Errorf("%w: %w", branch.SignatureFault(domain), err)
	}
	return seal, nil
}

// lineageFault is the fault of a record of a kind that is of another lineage.
func lineageFault(kind object.Kind) branch.Fault {
	switch kind {
	case object.KindBatch:
		return branch.FaultBatchLineage
	case object.KindOrder:
		return branch.FaultOrderLineage
	case object.KindTag:
		return branch.FaultTag
	}
	return branch.FaultLineage
}

// sealer returns who must have sealed a record, and for which lineage.
func (rc *receiver) sealer(kind object.Kind, h object.Hash, data []byte) (lineage object.Hash, who object.Identity, domain key.Domain, sealed bool, err error) {
	switch kind {
	case object.KindHeader:
		b, err := object.DecodeHeader(data)
		if err != nil {
			return lineage, who, domain, false, branch.FaultHeader.Of(err)
		}
		rc.Blocks++
		if lineage = b.Lineage; lineage.IsZero() {
			lineage = h
		}
		if !b.Branch.IsZero() || !b.Parent.IsZero() {
			rc.blocks = append(rc.blocks, h)
		}
		return lineage, b.Producer, key.DomainBlock, true, nil
	case object.KindBatch:
		b, err := object.DecodeBatch(data)
		if err != nil {
			return lineage, who, domain, false, branch.FaultBatch.Of(err)
		}
		return b.Lineage, b.Author, key.DomainBatch, true, nil
	case object.KindOrder:
		o, err := object.DecodeOrder(data)
		if err != nil {
			return lineage, who, domain, false, branch.FaultOrder.Of(err)
		}
		return o.Lineage, o.Signer, key.DomainOrder, true, nil
	case object.KindTag:
		t, err := object.DecodeTag(data)
		if err != nil {
			return lineage, who, domain, false, branch.FaultTagRecord.Of(err)
		}
		return t.Lineage, t.Tagger, key.DomainTag, true, nil
	}
	return lineage, who, domain, false, nil
}

// tags receives the records of tags and says which of them may be set here: those whose
// block has come, and whose name is free. held returns the block that a name has here.
func (rc *receiver) tags(ctx context.Context, tags []ref.Tag, held func(ref.Name) (object.Hash, bool, error)) (set []ref.Tag, conflicts []TagConflict, err error) {
	var records []object.Hash
	for _, t := range tags {
		if has, err := rc.to.Has(ctx, t.Block); err != nil || !has || rc.holds != nil && !rc.holds(t.Block) {
			if err != nil {
				return nil, nil, err
			}
			continue
		}
		ours, taken, err := held(t.Name)
		switch {
		case err != nil:
			return nil, nil, err
		case taken && ours == t.Block:
			continue
		case taken:
			conflicts = append(conflicts, TagConflict{Name: t.Name, Ours: ours, Theirs: t.Block})
			continue
		}
		set, records = append(set, t), append(records, t.Object)
	}
	if err := rc.gather(ctx, Walk{Heads: records}); err != nil {
		return nil, nil, err
	}
	for _, t := range set {
		if err := rc.tag(ctx, t); err != nil {
			return nil, nil, fmt.Errorf("tag %s: %w", t.Name, err)
		}
	}
	return set, conflicts, nil
}

func (rc *receiver) tag(ctx context.Context, t ref.Tag) error {
	if err := rc.closure().single(ctx, object.KindTag, t.Object); err != nil {
		return err
	}
	data, err := rc.to.Get(ctx, t.Object)
	if err != nil {
		return err
	}
	record, err := object.DecodeTag(data)
	if err != nil {
		return err
	}
	if record.Name != string(t.Name) || record.Block != t.Block || record.Lineage != rc.ledger.Directory.Lineage {
		return fmt.Errorf("%w: its record is about %q at %s", branch.FaultTag, record.Name, record.Block.Short())
	}
	return nil
}

// checked is a Source that is not believed.
type checked struct{ from Source }

// Get implements Source.
func (c checked) Get(ctx context.Context, h object.Hash) ([]byte, error) {
	data, err := c.from.Get(ctx, h)
	if IsLacking(err) {
		return nil, fmt.Errorf("object %s: %w, and lacks it: %w", h.Short(), ErrRemotePartial, err)
	}
	if errors.Is(err, store.ErrNotFound) {
		// To the side that asks this is no answer of "no": what was promised is not there.
		return nil, fmt.Errorf("object %s: %w: it is missing on the other side", h.Short(), branch.FaultMissing.Of(store.ErrCorrupt))
	}
	if err != nil {
		return nil, err
	}
	if actual := object.Sum(data); actual != h {
		return nil, fmt.Errorf("object %s: %w: what came has the hash %s", h.Short(), branch.FaultHash.Of(store.ErrCorrupt), actual.Short())
	}
	return data, nil
}

// Seal implements Source.
func (c checked) Seal(ctx context.Context, h object.Hash) ([]byte, error) { return c.from.Seal(ctx, h) }
