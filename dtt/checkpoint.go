package dtt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
)

// ErrCheckpoint is wrapped by the error of a cut with a claim that does not hold, and of a
// run that cannot compare.
var ErrCheckpoint = errors.New("checkpoint does not hold")

// CheckpointError names a false claim: the transactions before the position leave another
// value in the unit.
type CheckpointError struct {
	Position int // of the first transaction behind the cut
	Unit     Unit
}

func (e *CheckpointError) Error() string {
	return fmt.Sprintf("cut before transaction %d: another value of unit %d is claimed", e.Position, e.Unit)
}

// Unwrap returns ErrCheckpoint.
func (e *CheckpointError) Unwrap() error { return ErrCheckpoint }

// Space is a set of values of the units. In space 0 is what is there before a run and
// after it. The right half of each cut has a space of its own, which differs from that of
// the cut by the claimed units alone: all other units are the same in both.
type Space uint32

// Checkpointer runs the transactions of trees with cuts. Its methods are called by the
// workers of a pool, also at the same time for different spaces and leaves.
//
// It keeps values by space: an access of a unit in space s goes to the copy that Install
// made there; if there is none, to the copy in the space outer of s, and so on up to
// space 0. Since trees run only when checked, the order of calls makes sure that no call comes
// beside an access of a unit that it concerns, commuting deltas included.
type Checkpointer interface {
	// RunLeaf runs transactions in a space; else it is as LeafFunc.
	RunLeaf(ctx context.Context, worker int, s Space, first, count int) error
	// Install gives a space its copies of the claimed units, with the claimed values. It
	// is called before anything runs there. A value that cannot be is an error.
	Install(s, outer Space, claims []Claim) error
	// Snapshot appends to b the value of a unit in a space, as a claim states it. Equal
	// values must give equal bytes.
	Snapshot(b []byte, s Space, u Unit) ([]byte, error)
	// Adopt makes the copies in a space the values of the outer one. Nothing runs in the
	// space any more.
	Adopt(s, outer Space, claims []Claim) error
}

// RunCheckpoints is Run for trees with cuts. The halves of a cut run at the same time, the
// right one in a space of its own; when both are done, the left one's values are compared
// with the claims and the right one's adopted. If a claim is false the error is a
// *CheckpointError: whatever ran behind it counts for nothing, the error is as it would
// be in a serial run that compares between the halves. After any error the executor's
// values are undefined.
//
// The tree must have passed the check. A single worker runs everything in space 0 and
// compares on the way.
func (p *Pool) RunCheckpoints(ctx context.Context, t Tree, x Checkpointer) error {
	return p.start(ctx, job{tree: t, checkpoints: x})
}

// Record runs a tree without regard to what its cuts claim, the right halves after the
// left ones, and returns the tree with the claims that hold. This is how a proposer, who
// has to run a block once before the values are known, makes its checkpoints.
func (p *Pool) Record(ctx context.Context, t Tree, x Checkpointer) (Tree, error) {
	filled := Tree{nodes: t.nodes, cuts: make([]cut, len(t.cuts))}
	for i := range t.cuts {
		filled.cuts[i] = cut{t.cuts[i].node, append([]Claim(nil), t.cuts[i].claims...)}
	}
	if err := p.start(ctx, job{tree: filled, checkpoints: x, record: true}); err != nil {
		return Tree{}, err
	}
	return filled, nil
}

// spaces returns the space of each node, or nil without cuts.
func (t Tree) spaces() []Space {
	if len(t.cuts) == 0 {
		return nil
	}
	spaces := make([]Space, len(t.nodes))
	for i, cuts := uint32(0), 0; i < uint32(len(t.nodes)); i++ {
		n := &t.nodes[i]
		if n.kind == Leaf {
			continue
		}
		for c := i + 1; c < n.end; c = t.nodes[c].end {
			spaces[c] = spaces[i]
		}
		if n.kind == Cut {
			cuts++
			spaces[t.nodes[i+1].end] = Space(cuts)
		}
	}
	return spaces
}

// job is what a run is to do: either leaf or checkpoints is given.
type job struct {
	tree        Tree
	leaf        LeafFunc
	checkpoints Checkpointer
	record      bool
}

// run runs a leaf.
func (j *job) run(ctx context.Context, worker int, s Space, n *node) error {
	first, count := int(n.first), int(n.count)
	return guard(first, count, func() error {
		if j.leaf != nil {
			return j.leaf(ctx, worker, first, count)
		}
		return j.checkpoints.RunLeaf(ctx, worker, s, first, count)
	})
}

// between compares or records, between the halves of a cut.
func (j *job) between(number int, s Space) error {
	c := &j.tree.cuts[number]
	right := &j.tree.nodes[j.tree.right(c)]
	return guard(int(right.first), int(right.count), func() error {
		var value []byte
		for i := range c.claims {
			claim := &c.claims[i]
			got, err := j.checkpoints.Snapshot(value[:0], s, claim.Unit)
			switch {
			case err != nil:
				return fmt.Errorf("value of unit %d at transaction %d: %w", claim.Unit, right.first, err)
			case j.record && len(got) > MaxClaimBytes:
				return fmt.Errorf("value of unit %d at transaction %d: %w: %d bytes", claim.Unit, right.first, ErrCheckpoint, len(got))
			case j.record:
				claim.Value = bytes.Clone(got)
			case !bytes.Equal(got, claim.Value):
				return &CheckpointError{Position: int(right.first), Unit: claim.Unit}
			}
			value = got
		}
		return nil
	})
}

// install prepares the space of the right half of a cut.
func (j *job) install(number int, outer Space) error {
	c := &j.tree.cuts[number]
	right := &j.tree.nodes[j.tree.right(c)]
	return guard(int(right.first), int(right.count), func() error {
		if err := j.checkpoints.Install(Space(number+1), outer, c.claims); err != nil {
			return fmt.Errorf("cut before transaction %d: %w: %w", right.first, ErrCheckpoint, err)
		}
		return nil
	})
}

// adopt ends the space of the right half of a cut.
func (j *job) adopt(number int, outer Space) error {
	c := &j.tree.cuts[number]
	right := &j.tree.nodes[j.tree.right(c)]
	return guard(int(right.first), int(right.count), func() error {
		return j.checkpoints.Adopt(Space(number+1), outer, c.claims)
	})
}
