package repo

import (
	"context"
	"fmt"

	"aergo/branch"
	"aergo/repo/object"
	"aergo/repo/ref"
)

// VerifyRequest says what to verify.
type VerifyRequest struct {
	All bool   // everything that branches, tags and remotes' branches lead to
	Rev string // otherwise what this leads to; empty for what is checked out
}

// Verified counts what a verification went through and found good.
type Verified struct {
	Blocks       uint64 // executed again
	Foreign      uint64 // of other repositories: hashes, links and signatures only
	Transactions uint64
	Signatures   uint64 // of blocks, batches, orders and tags
	Excluded     uint64
	Tags         uint64
	Beyond       uint64 // before the boundary of a shallow clone: links and signatures of headers
	Proved       uint64 // of a filtered clone: links, signatures and the rows by proof; not executed
}

// Verify executes every block again, from the root, ancestors first and each once:
// signatures, rights, orders, verdicts and roots. Foreign blocks that merges took in are
// executed by the rules of their own Directory where that is possible. The first fault
// ends it: the error names the block and wraps branch.ErrInvalid or store.ErrCorrupt.
//
// A shallow clone is executed from its boundary, whose states are taken as the headers name
// them. In a filtered clone nothing is executed: the rows are those that the headers name.
func (r *Repo) Verify(ctx context.Context, req VerifyRequest) (Verified, error) {
	v := verification{repo: r}
	l, err := r.ledger(ctx)
	if err != nil {
		return v.out, err
	}
	if disk, ok := r.disk.(interface{ Forget() }); ok {
		disk.Forget() // what counts is what lies on the disk
	}
	heads, err := v.heads(ctx, req)
	if err != nil {
		return v.out, err
	}
	ids, err := ancestors(ctx, l.Chain, heads)
	if err != nil {
		return v.out, err
	}
	// What is on a branch of ours is judged like anything else.
	v.judge = &judge{
		ledger: remembering(l), own: map[object.Hash]bool{}, passed: map[object.Hash]bool{},
	}
	if err := v.limits(ctx); err != nil {
		return v.out, err
	}
	done := uint64(0)
	err = v.judge.checkAll(ctx, ids, func(b judged) error {
		done++
		r.opts.Progress(Progress{Phase: "verifying", Done: done, Total: uint64(len(ids))})
		return v.block(ctx, b)
	})
	return v.out, err
}

// verification is a Verify on its way.
type verification struct {
	repo  *Repo
	judge *judge
	out   Verified
	nodes hashes // of states, that have been read
}

// limits tells the judge what a partial clone cannot execute.
func (v *verification) limits(ctx context.Context) error {
	v.nodes = hashes{}
	v.judge.byProof = v.repo.isFiltered()
	if v.repo.boundary() == nil {
		return nil
	}
	here, err := v.repo.surroundings(ctx)
	v.judge.light = func(id object.Hash) bool { return !here.whole[id] }
	return err
}

// heads returns where to begin, and checks the tags among it.
func (v *verification) heads(ctx context.Context, req VerifyRequest) ([]object.Hash, error) {
	if !req.All {
		b, err := v.repo.Resolve(ctx, req.Rev)
		return []object.Hash{b.ID}, err
	}
	at := &roots{}
	if _, err := v.repo.refRoots(ctx, at, func(err error) error { return err }); err != nil {
		return nil, err
	}
	tags, err := v.repo.refs.Tags(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range tags {
		if err := v.tag(ctx, t); err != nil {
			return nil, fmt.Errorf("tag %s: %w", t.Name, err)
		}
	}
	return at.blocks, nil
}

func (v *verification) tag(ctx context.Context, t ref.Tag) error {
	if t.Object.IsZero() {
		return nil
	}
	l := v.repo.led()
	data, err := l.Objects.Get(ctx, t.Object)
	if err != nil {
		return err
	}
	// The same checks as for a tag that comes from elsewhere.
	rc := receiver{ledger: l, from: checked{l.Objects}}
	if _, err := rc.seal(ctx, object.KindTag, t.Object, data); err != nil {
		return err
	}
	record, err := object.DecodeTag(data)
	if err != nil {
		return err
	}
	if record.Name != string(t.Name) || record.Block != t.Block {
		return fmt.Errorf("%w: its record is about %q at %s", branch.FaultTag, record.Name, record.Block.Short())
	}
	v.out.Tags++
	v.out.Signatures++
	return nil
}

// block counts a block that has been checked.
func (v *verification) block(ctx context.Context, b judged) error {
	switch {
	case b.Branch.IsZero():
		v.out.Signatures++
		return nil
	case v.judge.light != nil && v.judge.light(b.ID):
		v.out.Beyond++
		return v.header(ctx, b)
	case v.judge.byProof:
		v.out.Proved++
		if err := v.header(ctx, b); err != nil {
			return err
		}
		v.count(b.body)
		v.out.Signatures-- // it has counted the header's, too
		return v.rows(ctx, b)
	case b.own || v.elsewhere(ctx, b):
		v.out.Blocks++
	default:
		v.out.Foreign++
	}
	v.count(b.body)
	return nil
}

// header checks the signature of a block that is not executed.
func (v *verification) header(ctx context.Context, b judged) error {
	l := v.judge.ledger
	data, err := l.Objects.Get(ctx, b.ID)
	if err != nil {
		return err
	}
	rc := receiver{ledger: l, from: checked{l.Objects}}
	if _, err := rc.seal(ctx, object.KindHeader, b.ID, data); err != nil {
		return inBlock(b.Block, err)
	}
	v.out.Signatures++
	return nil
}

// rows reads what a filtered clone has of a block's state and account: nodes whose hashes lead
// up to the roots in the header.
func (v *verification) rows(ctx context.Context, b judged) error {
	objects := v.judge.ledger.Objects
	c := closure{from: objects, rows: v.repo.Lacking().rows(), known: v.nodes.known}
	c.found = func(ctx context.Context, _ object.Kind, h object.Hash) error {
		v.nodes[h] = struct{}{}
		_, err := objects.Get(ctx, h)
		return err
	}
	return inBlock(b.Block, c.states(ctx, b.Block))
}

// elsewhere says whether a foreign block holds in the repository that made it. Nothing
// here depends on the answer: a merge ran its transactions anew.
func (v *verification) elsewhere(ctx context.Context, b judged) bool {
	l := *v.judge.ledger
	l.Directory = b.home
	return l.Validate(ctx, b.Block) == nil
}

func (v *verification) count(body *object.Body) {
	batches := map[object.Hash]bool{}
	for i := range body.Entries {
		batches[body.Entries[i].Batch] = true
		v.out.Excluded += uint64(len(body.Entries[i].Excluded))
	}
	v.out.Transactions += body.Transactions()
	v.out.Signatures += uint64(1 + len(batches) + len(body.Orders))
}

// ancestors returns blocks and all that they descend from, over parents, absorbed heads
// and Directories, each once and after its own ancestors.
func ancestors(ctx context.Context, c branch.Chain, heads []object.Hash) ([]object.Hash, error) {
	var order []object.Hash
	done := map[object.Hash]bool{{}: true}
	var stack []visit
	for _, head := range heads {
		stack = append(stack[:0], visit{id: head})
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if done[top.id] || top.expanded {
				if !done[top.id] {
					order = append(order, top.id)
				}
				done[top.id] = true
				stack = stack[:len(stack)-1]
				continue
			}
			top.expanded = true
			b, err := c.Block(ctx, top.id)
			if err != nil {
				return nil, err
			}
			for _, up := range [...]object.Hash{b.Absorbed, b.Directory, b.Parent} {
				if !done[up] {
					stack = append(stack, visit{id: up})
				}
			}
		}
	}
	return order, nil
}
