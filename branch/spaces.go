package branch

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"

	"aergo/contract"
	"aergo/dtt"
)

// A cut of a tree claims what some rows are between its halves, so that the right half need
// not wait for the left one: it runs in a space of its own, on copies of those rows. When
// both are done the claims are compared with what the left half came to, and the copies
// become the rows. Whoever proposes the tree has to run the block once anyway, and finds
// the claims on the way.

// space is what the right half of a cut has of its own.
type space struct {
	outer  dtt.Space
	copies []rowCopy
}

type rowCopy struct {
	slot uint32
	cell
}

// find returns the copy of a row, if the space has one.
func (in *space) find(id uint32) *cell {
	for i := range in.copies {
		if in.copies[i].slot == id {
			return &in.copies[i].cell
		}
	}
	return nil
}

// cell returns where a row is, as a space sees it.
func (s *stage) cell(at dtt.Space, id uint32) *cell {
	sl := s.slot(id)
	if sl.claimed {
		for at != 0 {
			in := &s.spaces[at]
			if c := in.find(id); c != nil {
				return c
			}
			at = in.outer
		}
	}
	return &sl.cell
}

// A claim's unit is named by where it is first declared: the transaction's place in the
// stage, and the place of the access in its list, in the order of keys. This does not
// depend on how the transactions came to be run together.
const (
	claimBits    = 9
	maxClaimedAt = 1<<claimBits - 1
)

// accessesOf returns what an item declares, in the order of keys.
func (s *stage) accessesOf(tx int) []reach {
	list := slices.Clone(s.reaches[s.starts[tx]:s.starts[tx+1]])
	slices.SortFunc(list, func(a, b reach) int {
		return cmp.Or(bytes.Compare(s.slot(a.slot).key, s.slot(b.slot).key), compareReach(a, b))
	})
	return list
}

// nameOfUnit returns the name by which claims publish a unit. offset is the place in the
// stage of the first item.
func (s *stage) nameOfUnit(u dtt.Unit, offset int) (dtt.Unit, error) {
	tx := int(s.named[u].tx)
	for i, r := range s.accessesOf(tx) {
		if number, ok := s.units[r.unit()]; ok && number == u && i <= maxClaimedAt {
			return dtt.Unit((offset+tx)<<claimBits | i), nil
		}
	}
	return 0, fmt.Errorf("transaction %d declares too much", tx)
}

// unitOfName is the inverse of nameOfUnit for a whole stage. It refuses what must not be
// claimed.
func (s *stage) unitOfName(name dtt.Unit) (dtt.Unit, error) {
	tx, i := int(name>>claimBits), int(name&maxClaimedAt)
	if tx >= len(s.items) || i >= int(s.starts[tx+1]-s.starts[tx]) {
		return 0, fmt.Errorf("%w: nothing is declared there", FaultTreeCut)
	}
	u, ok := s.units[s.accessesOf(tx)[i].unit()]
	if !ok || !s.claimable(u) {
		return 0, fmt.Errorf("%w: it may not be claimed", FaultTreeCut)
	}
	return u, nil
}

// claimable says whether cuts may claim a unit.
func (s *stage) claimable(u dtt.Unit) bool {
	slot := s.named[u].slot
	return slot != noSlot && !s.changes[slot].shared
}

// changes is what transactions change of one row.
type changes struct {
	field  string
	shared bool // two of them may change the row side by side
}

// judge finds the rows that cuts among consecutive transactions may not claim. What a cut
// claims is a whole row, so nobody may change the row beside it: the row has one field
// that changes, and neither that nor its existence changes by deltas.
func (s *stage) judge(first, count int) {
	s.changes = append(s.changes[:0], make([]changes, s.table.count)...)
	for _, r := range s.reaches[s.starts[first]:s.starts[first+count]] {
		c := &s.changes[r.slot]
		switch {
		case r.mode == contract.Read || r.part == contract.PartRow:
		case r.mode == contract.Delta:
			c.shared = true
		case r.part == contract.PartField:
			c.shared = c.shared || c.field != "" && c.field != r.field
			c.field = r.field
		}
	}
}

// resolveClaims returns a published tree of the stage with units in place of their names.
// It refuses claims that could depend on who runs first. The children of a series are
// judged by themselves, since they run by themselves.
func (s *stage) resolveClaims(published dtt.Tree) (dtt.Tree, error) {
	if published.Cuts() == 0 {
		return published, nil
	}
	if n := published.Len(); n != len(s.items) {
		return dtt.Tree{}, fmt.Errorf("%w: it is of %d transactions, not %d", dtt.ErrLength, n, len(s.items))
	}
	var parts []dtt.Tree
	for _, n := range seriesOf(published) {
		part := n.Tree()
		if part.Cuts() > 0 {
			s.judge(n.First(), n.Len())
			var err error
			if part, err = part.Rename(s.unitOfName); err != nil {
				return dtt.Tree{}, err
			}
		}
		parts = append(parts, part)
	}
	return dtt.Seq(parts...), nil
}

// checkpoints runs a tree of transactions of the stage, the first of which is given, with
// its cuts. It is a dtt.Checkpointer.
type checkpoints struct {
	*stage
	spans []Span
	from  int
}

// checkpoints readies the stage for a tree. Claims name units by number.
func (s *stage) checkpoints(spans []Span, t dtt.Tree, from int) checkpoints {
	s.spaces = append(s.spaces[:0], make([]space, t.Cuts()+1)...)
	for _, sl := range s.table.all() {
		sl.claimed = false
	}
	for claim := range t.Claims() {
		s.slot(s.named[claim.Unit].slot).claimed = true
	}
	return checkpoints{s, spans, from}
}

// RunLeaf implements dtt.Checkpointer.
func (c checkpoints) RunLeaf(ctx context.Context, worker int, at dtt.Space, first, count int) error {
	return c.runLeaf(ctx, c.spans, worker, at, c.from+first, count)
}

// Install implements dtt.Checkpointer.
func (c checkpoints) Install(at, outer dtt.Space, claims []dtt.Claim) error {
	in := &c.spaces[at]
	in.outer = outer
	in.copies = make([]rowCopy, 0, len(claims))
	for _, claim := range claims {
		id := c.named[claim.Unit].slot
		if there := in.find(id); there == nil {
			in.copies = append(in.copies, rowCopy{slot: id})
			fresh := in.find(id)
			if fresh.exists = len(claim.Value) > 0; fresh.exists {
				fresh.row = claim.Value
			}
		} else if !bytes.Equal(there.row, claim.Value) {
			return fmt.Errorf("row %x is claimed to be two things at once", c.slot(id).key)
		}
	}
	return nil
}

// Snapshot implements dtt.Checkpointer: the row that the unit is of, nothing if there is none.
func (c checkpoints) Snapshot(b []byte, at dtt.Space, u dtt.Unit) ([]byte, error) {
	row, exists := c.cell(at, c.named[u].slot).read()
	if !exists {
		return b, nil
	}
	return append(b, row...), nil
}

// Adopt implements dtt.Checkpointer.
func (c checkpoints) Adopt(at, outer dtt.Space, _ []dtt.Claim) error {
	for i := range c.spaces[at].copies {
		from := &c.spaces[at].copies[i]
		to := c.cell(outer, from.slot)
		to.row, to.exists = from.row, from.exists
	}
	return nil
}
