package dtt

// none stands for no node.
const none = ^uint32(0)

// plan is a tree with what is needed to follow its run: from child to parent, and to the
// children of a P or cut by number.
type plan struct {
	Tree
	links  []link
	kids   []uint32 // the children of every P and cut, one after another
	spaces []Space  // by node; nil without cuts
}

type link struct {
	parent uint32
	kids   uint32 // of a P or cut: its children are kids[kids : kids+count]
	count  uint32
}

func newPlan(t Tree) plan {
	p := plan{Tree: t, links: make([]link, len(t.nodes)), kids: make([]uint32, 0, len(t.nodes))}
	if len(t.nodes) > 0 {
		p.links[0].parent = none
	}
	for i := range t.nodes {
		n, l := &t.nodes[i], &p.links[i]
		if n.kind == Leaf {
			continue
		}
		l.kids = uint32(len(p.kids))
		for c := uint32(i) + 1; c < n.end; c = t.nodes[c].end {
			p.links[c].parent = uint32(i)
			if n.kind != Series {
				p.kids = append(p.kids, c)
			}
		}
		l.count = uint32(len(p.kids)) - l.kids
	}
	p.spaces = t.spaces()
	return p
}

// children returns the children of a P or cut.
func (p *plan) children(i uint32) []uint32 {
	l := &p.links[i]
	return p.kids[l.kids : l.kids+l.count]
}

// space returns the space in which a node runs.
func (p *plan) space(i uint32) Space {
	if p.spaces == nil {
		return 0
	}
	return p.spaces[i]
}
