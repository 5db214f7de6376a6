package transfer

import (
	"context"
	"slices"

	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/state"
)

// role is what a link leads to, as far as the walk minds.
type role uint8

const (
	roleAny   role = iota // whatever its kind says
	roleEnd               // something that leads no further
	roleBody              // a body, or the list of its pieces
	roleState             // a node of a state, of which not all rows may be wanted
	roleWhole             // whatever its kind says, with all that a filtered clone leaves out
)

// link leads from one object to another.
type link struct {
	hash object.Hash
	role role
}

// maxBodyBytes is the size of the largest body that is looked into. What a larger one
// leads to is asked for when the repository gets there.
const maxBodyBytes = 64 << 20

// gathering brings into a spool all that some objects lead to and the repository lacks.
//
// It first lists the blocks, then walks what each leads to, with a stack: it asks for many
// objects from its top, and puts what they lead to on it when they come. So the stack
// holds a few levels of trees at a time, however large they are. Beyond that it keeps the
// ids of the blocks and eight bytes for each object.
type gathering struct {
	ask   *asker
	spool *spool
	walk  repo.Walk
	// came is told of each object that comes.
	came func(sizeBytes int)

	seen   map[uint64]struct{} // first bytes of what has been an edge, or on the stack
	edge   []object.Hash       // blocks that are to be listed, with those that they lead to
	limit  int                 // how many are listed next time
	chain  []object.Hash       // blocks that came and were not entered, heads first
	stack  []link
	asked  []link        // requests that are not answered yet, in order
	bodies []object.Hash // that are to be looked into when their pieces are there

	kept   bool // something has come since run was called
	shrink uint // how often it was not: so much less is asked for at once, by powers of 4
}

// newGathering begins a walk.
func newGathering(ctx context.Context, s *spool, w repo.Walk, came func(int)) (*gathering, error) {
	g := &gathering{spool: s, walk: w, came: came, seen: map[uint64]struct{}{}, limit: firstHistory}
	for _, part := range []struct {
		as     role
		hashes []object.Hash
	}{{roleAny, w.Parts}, {roleState, w.States}, {roleBody, w.Bodies}} {
		if err := g.push(ctx, part.as, part.hashes...); err != nil {
			return nil, err
		}
	}
	slices.Reverse(g.stack) // the first is needed first
	for _, h := range w.Heads {
		fresh, err := g.fresh(ctx, h)
		if err != nil {
			return nil, err
		}
		if fresh {
			g.edge = append(g.edge, h)
		}
	}
	return g, nil
}

// run gathers. After a cut it may be called again, with another asker, and goes on.
func (g *gathering) run(ctx context.Context, ask *asker) error {
	if g.ask != nil && !g.kept {
		g.shrink++ // a line that is lost sooner than an answer fits through
	}
	g.ask, g.kept = ask, false
	g.stack, g.asked = append(g.stack, g.asked...), nil
	for {
		var err error
		switch {
		case len(g.edge) > 0:
			err = g.advance(ctx)
		case len(g.chain) > 0 && len(g.stack) < maxWant:
			err = g.enter(ctx)
		case len(g.stack)+len(g.asked) > 0:
			err = g.step(ctx)
		case len(g.bodies) > 0:
			err = g.openBodies(ctx)
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// enterAtOnce is how many blocks are walked side by side.
const enterAtOnce = 64

// enter puts what the oldest blocks lead to on the stack.
func (g *gathering) enter(ctx context.Context) error {
	n := min(len(g.chain), enterAtOnce)
	at := len(g.chain) - n
	for _, id := range g.chain[at:] {
		if data, ok := g.spooled(ctx, id); ok {
			if err := g.expand(ctx, link{id, roleAny}, data); err != nil {
				return err
			}
		}
	}
	g.chain = g.chain[:at]
	return ctx.Err()
}

// step asks for as much as may be asked for, and takes in one part of the answers.
func (g *gathering) step(ctx context.Context) error {
	for len(g.ask.unanswered) < maxAhead && len(g.stack) > 0 {
		if err := g.request(ctx); err != nil {
			return err
		}
	}
	if len(g.asked) == 0 {
		return ctx.Err()
	}
	return g.ask.receive(func(r reply) error {
		l := g.asked[0]
		g.asked = g.asked[1:]
		if err := g.keep(l.hash, r); err != nil || len(r.data) == 0 {
			return err
		}
		return g.expand(ctx, l, r.data)
	})
}

// request takes links off the stack. What is in the spool it follows at once; for the
// rest it asks.
func (g *gathering) request(ctx context.Context) error {
	// A stack that is not deep is shared out among requests: one that waits for all of it
	// would leave nothing to be asked for meanwhile.
	limit := min(g.atOnce(), max(64, len(g.stack)/4))
	hashes := make([]object.Hash, 0, limit)
	from := len(g.asked)
	for len(g.stack) > 0 && len(hashes) < limit {
		l := g.stack[len(g.stack)-1]
		g.stack = g.stack[:len(g.stack)-1]
		if l.role == roleEnd && g.spool.has(l.hash) {
			continue
		}
		if data, ok := g.spooled(ctx, l.hash); ok {
			if err := g.expand(ctx, l, data); err != nil {
				return err
			}
			continue
		}
		hashes = append(hashes, l.hash)
		g.asked = append(g.asked, l)
	}
	if len(hashes) == 0 {
		return nil
	}
	if err := g.ask.want(hashes); err != nil {
		g.stack = append(g.stack, g.asked[from:]...)
		g.asked = g.asked[:from]
		return err
	}
	return nil
}

// atOnce is how many objects a request asks for at most.
func (g *gathering) atOnce() int { return max(1, maxWant>>(2*g.shrink)) }

// spooled returns an object that came before, if its bytes are still right.
func (g *gathering) spooled(ctx context.Context, h object.Hash) ([]byte, bool) {
	if !g.spool.has(h) {
		return nil, false
	}
	data, _, err := g.spool.get(ctx, h)
	return data, err == nil && object.Sum(data) == h
}

// keep puts an object that came into the spool. What the other side does not have is left
// out: the repository asks for it when it gets there, and says what it was needed for.
func (g *gathering) keep(h object.Hash, r reply) error {
	if len(r.data) == 0 {
		return nil
	}
	if err := checkReply(h, r); err != nil {
		return err
	}
	g.kept = true
	g.came(len(r.data))
	return g.spool.put(h, r)
}

// push puts links on the stack that were not there before and are not known. The last one
// is followed first.
func (g *gathering) push(ctx context.Context, as role, hashes ...object.Hash) error {
	for _, h := range hashes {
		fresh, err := g.fresh(ctx, h)
		if err != nil {
			return err
		}
		if fresh {
			g.stack = append(g.stack, link{h, as})
		}
	}
	return nil
}

// fresh says, once for each object, whether it is lacking.
func (g *gathering) fresh(ctx context.Context, h object.Hash) (bool, error) {
	if _, seen := g.seen[prefix(h)]; seen || h.IsZero() {
		return false, nil
	}
	g.seen[prefix(h)] = struct{}{}
	known, err := g.walk.Known(ctx, h)
	return err == nil && !known, err
}

// expand puts what an object leads to on the stack. An object that cannot be read leads
// nowhere: the repository says what is wrong with it.
func (g *gathering) expand(ctx context.Context, l link, data []byte) error {
	if l.role == roleEnd {
		return nil
	}
	kind, err := object.KindOf(data)
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	switch kind {
	case object.KindHeader:
		return g.header(ctx, data)
	case object.KindBody:
		return g.body(ctx, l, data)
	case object.KindOrder:
		return g.order(ctx, data)
	case object.KindBatch:
		return g.batch(ctx, l, data)
	case object.KindStateNode:
		return g.node(ctx, l, data)
	case object.KindBlob:
		pieces, err := object.BlobLeaves(data)
		if err != nil {
			return nil //nolint:nilerr // see above
		}
		if l.role == roleBody {
			g.bodies = append(g.bodies, l.hash)
		}
		return g.push(ctx, roleEnd, pieces...)
	}
	return nil
}

func (g *gathering) node(ctx context.Context, l link, data []byte) error {
	all := g.walk.Rows
	if l.role != roleState || all == nil {
		all = []state.Span{{}}
	}
	level, children, err := state.ChildrenWithin(data, all)
	if err != nil {
		return nil //nolint:nilerr // see expand
	}
	as := l.role
	if level == 1 {
		as = roleEnd
	}
	return g.push(ctx, as, children...)
}

func (g *gathering) header(ctx context.Context, data []byte) error {
	b, err := object.DecodeHeader(data)
	if err != nil {
		return nil //nolint:nilerr // see expand
	}
	links := blockLinks(b)
	if err := g.push(ctx, roleAny, links[:]...); err != nil {
		return err
	}
	rows, body := roleState, roleBody
	switch whole := b.Branch.IsZero(); { // a Directory's, which everybody has all of
	case g.walk.Headers && !whole:
		return nil
	case g.walk.Rows != nil && whole:
		rows, body = roleAny, roleWhole
	}
	if g.walk.Rows == nil || rows == roleAny {
		if err := g.push(ctx, roleAny, b.Tree, b.Receipts); err != nil {
			return err
		}
	}
	if !g.walk.Rebuilt || b.Branch.IsZero() {
		if err := g.push(ctx, roleAny, b.Account); err != nil {
			return err
		}
		if err := g.push(ctx, rows, b.State); err != nil {
			return err
		}
	}
	return g.push(ctx, body, b.Entries)
}

func (g *gathering) body(ctx context.Context, l link, data []byte) error {
	body, err := object.DecodeBody(data)
	if err != nil {
		return nil //nolint:nilerr // see expand
	}
	as := roleAny
	if l.role == roleWhole {
		as = roleWhole
	}
	for i := range body.Entries {
		e := &body.Entries[i]
		if err := g.push(ctx, as, e.Batch); err != nil {
			return err
		}
		for j := range e.Excluded {
			if err := g.push(ctx, roleAny, e.Excluded[j].Block); err != nil {
				return err
			}
		}
	}
	return g.push(ctx, roleAny, body.Orders...)
}

func (g *gathering) order(ctx context.Context, data []byte) error {
	o, err := object.DecodeOrder(data)
	if err != nil {
		return nil //nolint:nilerr // see expand
	}
	for _, item := range o.Items {
		if err := g.push(ctx, roleAny, item.Batch); err != nil {
			return err
		}
	}
	return g.push(ctx, roleAny, o.Mark.Block, o.Source)
}

func (g *gathering) batch(ctx context.Context, l link, data []byte) error {
	b, err := object.DecodeBatch(data)
	if err != nil {
		return nil //nolint:nilerr // see expand
	}
	for _, chunk := range b.Chunks {
		if g.walk.Rows != nil && l.role != roleWhole {
			break
		}
		if err := g.push(ctx, roleEnd, chunk.Hash); err != nil {
			return err
		}
	}
	return g.push(ctx, roleAny, b.Mark.Block)
}

// openBodies looks into bodies whose pieces have come.
func (g *gathering) openBodies(ctx context.Context) error {
	bodies := g.bodies
	g.bodies = nil
	for _, h := range bodies {
		data, err := object.Join(ctx, spoolGetter{g.spool}, h, maxBodyBytes)
		if err != nil {
			continue // a piece is missing, or known already: the repository asks for the rest
		}
		if err := g.expand(ctx, link{h, roleAny}, data); err != nil {
			return err
		}
	}
	return nil
}

// spoolGetter is a spool as object.Join reads it.
type spoolGetter struct{ spool *spool }

// Get implements object.Getter.
func (s spoolGetter) Get(ctx context.Context, h object.Hash) ([]byte, error) {
	data, _, err := s.spool.get(ctx, h)
	if err == nil {
		err = checkReply(h, reply{data: data})
	}
	return data, err
}
