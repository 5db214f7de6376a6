package state

import "context"

// spot is a node and the way to it from the root. Spots are immutable and share their
// ways, so that any of them leads to its neighbours.
type spot struct {
	n   *node
	up  *spot // nil at the root
	idx int   // in up
}

func (t Tree) down(ctx context.Context, s *spot, i int) (*spot, error) {
	c, err := t.child(ctx, s.n, i)
	if err != nil {
		return nil, err
	}
	return &spot{n: c, up: s, idx: i}, nil
}

// seek returns the node of level, at or below that of s, that has the first key not below key, or the
// level's last node. key is not below the first one of s.
func (t Tree) seek(ctx context.Context, s *spot, level int, key []byte) (*spot, error) {
	for s.up != nil && s.n.compare(s.n.len()-1, key) < 0 {
		s = s.up
	}
	for s.n.level > level {
		i, _ := s.n.find(key)
		var err error
		if s, err = t.down(ctx, s, min(i, s.n.len()-1)); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// prev and next return the neighbours on the same level, or nil.

func (t Tree) prev(ctx context.Context, s *spot) (*spot, error) {
	if s.up == nil {
		return nil, nil
	}
	if s.idx > 0 {
		return t.down(ctx, s.up, s.idx-1)
	}
	up, err := t.prev(ctx, s.up)
	if up == nil || err != nil {
		return nil, err
	}
	return t.down(ctx, up, up.n.len()-1)
}

func (t Tree) next(ctx context.Context, s *spot) (*spot, error) {
	if s.up == nil {
		return nil, nil
	}
	if s.idx+1 < s.up.n.len() {
		return t.down(ctx, s.up, s.idx+1)
	}
	up, err := t.next(ctx, s.up)
	if up == nil || err != nil {
		return nil, err
	}
	return t.down(ctx, up, 0)
}

// keyBefore appends the last key of the node before s, and says whether there is one.
func (s *spot) keyBefore(dst []byte) ([]byte, bool) {
	for ; s.up != nil; s = s.up {
		if s.idx > 0 {
			return s.up.n.appendKey(dst, s.idx-1), true
		}
	}
	return dst, false
}

// hasNext says whether there is a node after s.
func (s *spot) hasNext() bool {
	for ; s.up != nil; s = s.up {
		if s.idx+1 < s.up.n.len() {
			return true
		}
	}
	return false
}
