package dtt

const (
	defaultMaxClaims = 64
	cutWindow        = 8 // a cut is at most this part of the cost away from the middle
)

// Checkpoint is Planner.Checkpoint with a planner of its own.
func Checkpoint(t Tree, l *Lists, costs []uint32, opt Options) Tree {
	var p Planner
	return p.Checkpoint(t, l, costs, opt)
}

// Checkpoint cuts what takes longer than a worker's part of the block into halves that
// run at once, where few units are in conflict across the cut: see Options.MaxClaims and
// Options.Claimable. The claims have no values yet; Pool.Record finds them. A tree of
// another length than the lists, one that is not valid for them, and one that would take
// no less time with cuts, with two and with eight workers, stays as it is.
func (p *Planner) Checkpoint(t Tree, l *Lists, costs []uint32, opt Options) Tree {
	if t.Len() != l.Len() || t.Len() == 0 {
		return t
	}
	p.begin(l, costs, opt)
	c := cutter{
		Planner: p, lists: l, units: make([]crossing, l.Units()),
		most: opt.MaxClaims, claimable: opt.Claimable,
		large: max(2*p.minLeaf, p.weights.between(0, l.Len())/p.workers),
	}
	if c.most <= 0 {
		c.most = defaultMaxClaims
	}
	return p.better(p.measured(t), p.measured(c.node(t.Root(), t.paths(p.weights)))).tree
}

// cutter makes cuts. Its lists are the ones given, since claims name their units.
type cutter struct {
	*Planner
	lists     *Lists
	units     []crossing
	stamp     uint32
	most      int
	claimable func(Unit) bool
	large     uint64
}

// crossing is what is known of a unit among some transactions.
type crossing struct {
	stamp       uint32
	first, last uint32 // positions
	mode        Mode   // OR of all
	left, right Mode   // of those before and behind a cut
}

// node cuts a node whose critical path is large, or what is below it.
func (c *cutter) node(n Node, paths []uint64) Tree {
	if paths[n.index] <= c.large {
		return n.Tree()
	}
	if n.Kind() == Leaf {
		return c.span(n.First(), n.First()+n.Len())
	}
	var parts []Tree
	for child := range n.Children() {
		parts = append(parts, c.node(child, paths))
	}
	switch n.Kind() {
	case Parallel:
		return Par(parts...)
	case Cut:
		return Halves(parts[0], parts[1], n.Claims())
	}
	return c.series(parts, n.First())
}

// series cuts between the parts of a series, the first of which starts at a.
func (c *cutter) series(parts []Tree, a int) Tree {
	starts, times := make([]int, len(parts)+1), make([]uint64, len(parts)+1)
	starts[0] = a
	for i, part := range parts {
		starts[i+1] = starts[i] + part.Len()
		times[i+1] = times[i] + part.criticalPath(c.weights.from(starts[i], starts[i+1]))
	}
	var halve func(from, end int) Tree
	halve = func(from, end int) Tree {
		total := times[end] - times[from]
		if end-from < 2 || total <= c.large {
			return Seq(parts[from:end]...)
		}
		middle := from + 1
		for middle+1 < end && times[middle+1]-times[from] <= total/2+total/cutWindow {
			middle++
		}
		claims, ok := c.claims(starts[from], starts[middle], starts[end])
		if !ok || times[middle]-times[from] < total/cutWindow {
			return Seq(parts[from:end]...)
		}
		return c.halves(halve(from, middle), halve(middle, end), claims)
	}
	return halve(0, len(parts))
}

// halves is Halves, or Par if nothing has to be claimed.
func (c *cutter) halves(left, right Tree, claims []Claim) Tree {
	if len(claims) == 0 {
		return Par(left, right)
	}
	return Halves(left, right, claims)
}

// span cuts a leaf of the transactions a..b-1.
func (c *cutter) span(a, b int) Tree {
	if c.weights.between(a, b) <= c.large {
		return Serial(b - a)
	}
	middle := c.place(a, b)
	if middle <= a || middle >= b {
		return Serial(b - a)
	}
	claims, ok := c.claims(a, middle, b)
	if !ok {
		return Serial(b - a)
	}
	return c.halves(c.span(a, middle), c.span(middle, b), claims)
}

// place returns where to cut the transactions a..b-1: where the fewest units that can
// conflict are accessed on both sides, and among such places the nearest to the middle of
// the cost; a if there is none near the middle with few enough.
func (c *cutter) place(a, b int) int {
	c.stamp++
	for tx := a; tx < b; tx++ {
		for _, x := range c.lists.At(tx) {
			u := &c.units[x.Unit()]
			if u.stamp != c.stamp {
				*u = crossing{stamp: c.stamp, first: uint32(tx)}
			}
			u.last = uint32(tx)
			u.mode |= x.Mode()
		}
	}
	across, total := int32(0), c.weights.between(a, b)
	changes := make([]int32, b-a+1)
	for tx := a; tx < b; tx++ {
		for _, x := range c.lists.At(tx) {
			if u := &c.units[x.Unit()]; u.mode == Write && u.last == uint32(tx) && u.first < u.last {
				changes[int(u.first)+1-a]++
				changes[tx+1-a]--
			}
		}
	}
	best, fewest, nearest := a, int32(c.most)+1, uint64(0)
	for tx := a; tx < b; tx++ {
		across += changes[tx-a]
		left := c.weights.between(a, tx)
		distance := max(left, total-left) - min(left, total-left)
		if tx == a || distance > 2*(total/cutWindow) && b-a > 3 {
			continue
		}
		if across < fewest || across == fewest && across <= int32(c.most) && distance < nearest {
			best, fewest, nearest = tx, across, distance
		}
	}
	return best
}

// claims returns the units on which transactions of a..m-1 conflict with some of m..b-1,
// or false if they are too many or one cannot be claimed.
func (c *cutter) claims(a, m, b int) ([]Claim, bool) {
	c.stamp++
	var claims []Claim
	for tx := a; tx < b; tx++ {
		for _, x := range c.lists.At(tx) {
			u := &c.units[x.Unit()]
			if u.stamp != c.stamp {
				*u = crossing{stamp: c.stamp}
			}
			if tx < m {
				u.left |= x.Mode()
				continue
			}
			before := u.crosses()
			u.right |= x.Mode()
			if before || !u.crosses() {
				continue
			}
			if len(claims) == c.most || c.claimable != nil && !c.claimable(x.Unit()) {
				return nil, false
			}
			claims = append(claims, Claim{Unit: x.Unit()})
		}
	}
	return claims, true
}

func (u *crossing) crosses() bool { return u.left != 0 && u.right != 0 && u.left.Conflicts(u.right) }
