package dtt

// Transformations keep the order of the block and the result of running it, whatever they
// do to the tree: what passed the check passes it again. Each returns a tree that should
// take no more time than the given one by Tree.CriticalPath and Tree.Makespan, but for
// the small amounts that Merge is asked for.

// Merge joins what is not worth its overhead: everything below a node, and neighbouring
// leaves of a P, as long as they cost less than leastCost together. Costs are as for
// Tree.Work.
func Merge(t Tree, costs []uint32, leastCost uint64) Tree {
	m := merger{weigh(nil, costs, t.Len()), leastCost}
	if t.Len() == 0 {
		return t
	}
	return m.node(t.Root())
}

type merger struct {
	weights weights
	least   uint64
}

func (m *merger) cost(n Node) uint64 { return m.weights.between(n.First(), n.First()+n.Len()) }

func (m *merger) node(n Node) Tree {
	if n.Kind() == Leaf || m.cost(n) < m.least {
		return Serial(n.Len())
	}
	if n.Kind() == Parallel {
		return m.parallel(n)
	}
	var parts []Tree
	for child := range n.Children() {
		parts = append(parts, m.node(child))
	}
	if n.Kind() == Cut {
		return Halves(parts[0], parts[1], n.Claims())
	}
	var s series
	for _, part := range parts {
		s.add(part)
	}
	return s.tree()
}

// parallel joins the leaves of a P.
func (m *merger) parallel(n Node) Tree {
	var parts []Tree
	from, end := n.First(), n.First() // the leaf being gathered
	flush := func() {
		parts = append(parts, Serial(end-from))
		from = end
	}
	for child := range n.Children() {
		part := m.node(child)
		if part.Nodes() > 1 {
			flush()
			parts = append(parts, part)
			from, end = end+part.Len(), end+part.Len()
			continue
		}
		end += part.Len()
		if m.weights.between(from, end) >= m.least {
			flush()
		}
	}
	if k := len(parts) - 1; end > from && k >= 0 && parts[k].Nodes() == 1 {
		rest, last := m.weights.between(from, end), m.weights.between(from-parts[k].Len(), from)
		if rest < m.least && (last < 2*m.least || rest < last/16) {
			from -= parts[k].Len()
			parts = parts[:k]
		}
	}
	flush()
	return Par(parts...)
}

// Split is Planner.Split with a planner of its own.
func Split(t Tree, l *Lists, costs []uint32, opt Options) Tree {
	var p Planner
	return p.Split(t, l, costs, opt)
}

// Split replaces leaves that hold the tree up, since they cost more than a worker's part
// of the block, by trees that run in parallel what does not conflict. A tree of another
// length than the lists stays as it is.
func (p *Planner) Split(t Tree, l *Lists, costs []uint32, opt Options) Tree {
	if t.Len() != l.Len() || t.Len() == 0 {
		return t
	}
	p.begin(l, costs, opt)
	return p.split(t.Root(), max(2*p.minLeaf, p.weights.between(0, l.Len())/p.workers))
}

func (p *Planner) split(n Node, large uint64) Tree {
	a, b := n.First(), n.First()+n.Len()
	switch {
	case p.weights.between(a, b) < large:
		return n.Tree()
	case n.Kind() == Leaf && p.visits > p.visitsMax:
		return Serial(b - a)
	case n.Kind() == Leaf:
		return p.divide(a, b, buildLevels)
	}
	var parts []Tree
	for child := range n.Children() {
		parts = append(parts, p.split(child, large))
	}
	switch n.Kind() {
	case Series:
		return Seq(parts...)
	case Parallel:
		return Par(parts...)
	}
	return Halves(parts[0], parts[1], n.Claims())
}

// Balance is Planner.Balance with a planner of its own.
func Balance(t Tree, l *Lists, costs []uint32, opt Options) Tree {
	var p Planner
	return p.Balance(t, l, costs, opt)
}

// Balance splits the leaves that are long, by their costs, and merges what is small, so
// that branches are of even size. It returns the given tree if that should take no longer
// with two and with eight workers.
func (p *Planner) Balance(t Tree, l *Lists, costs []uint32, opt Options) Tree {
	if t.Len() != l.Len() || t.Len() == 0 {
		return t
	}
	balanced := Merge(p.Split(t, l, costs, opt), costs, p.minLeaf)
	return p.better(p.measured(t), p.measured(balanced)).tree
}

// measured returns a tree in the given order as a candidate.
func (p *Planner) measured(t Tree) candidate {
	plan := newPlan(t)
	return candidate{tree: t, two: plan.makespan(p.weights, 2), eight: plan.makespan(p.weights, 8)}
}
