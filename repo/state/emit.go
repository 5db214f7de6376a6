package state

import (
	"bytes"
	"context"
	"slices"

	"aergo/repo/object"
)

// largeRegion is the number of edits from which a region's own work is shared out among
// the workers.
const largeRegion = 2048

// write makes the new nodes of regions and appends what became of each to outcomes.
func (u *updater) write(ctx context.Context, p *planner, outcomes []outcome, regions []*region) ([]outcome, error) {
	base := len(outcomes)
	buffers := make([][]byte, u.workers)
	const perTask = 32
	for _, r := range regions {
		outcomes = append(outcomes, outcome{lo: r.lo, hi: r.hi, lastKey: r.last().n.lastKey()})
	}
	tasks := (len(regions) + perTask - 1) / perTask
	err := parallel(ctx, u.workers, tasks, func(worker, task int) error {
		for i := task * perTask; i < min(len(regions), (task+1)*perTask); i++ {
			if regions[i].isLarge() {
				continue
			}
			above, err := u.writeRegion(ctx, p, regions[i], buffers[worker:worker+1])
			if err != nil {
				return err
			}
			outcomes[base+i].above = above
		}
		return nil
	})
	for i, r := range regions {
		if err == nil && r.isLarge() {
			outcomes[base+i].above, err = u.writeRegion(ctx, p, r, buffers)
		}
	}
	return outcomes, err
}

func (r *region) isLarge() bool { return r.hi-r.lo >= largeRegion }

// put stores a node and returns its hash.
func (u *updater) put(data []byte) (object.Hash, error) {
	h := object.Sum(data)
	if err := u.w.Put(object.KindStateNode, h, data); err != nil {
		return h, err
	}
	if u.keep != nil {
		u.keep.shard(h).put(h, &cached{data: bytes.Clone(data)})
	}
	return h, nil
}

// writeRegion writes the new nodes of r, with as many workers as there are buffers, and
// returns the edits of the level above.
func (u *updater) writeRegion(ctx context.Context, p *planner, r *region, buffers [][]byte) ([]Edit, error) {
	if !r.moved {
		return u.patch(p, r, &buffers[0])
	}
	items := p.items(r)
	ends, err := p.ends(ctx, r, items, len(buffers))
	if err != nil {
		return nil, err
	}
	puts := make([]Edit, len(ends))
	const perTask = 16
	tasks := (len(ends) + perTask - 1) / perTask
	err = parallel(ctx, len(buffers), tasks, func(worker, task int) error {
		for j := task * perTask; j < min(len(ends), (task+1)*perTask); j++ {
			begin := 0
			if j > 0 {
				begin = ends[j-1]
			}
			if err := u.writeNode(p, r, items[begin:ends[j]], &puts[j], &buffers[worker]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return p.above(r, puts), nil
}

// writeNode writes a node of items, unless it is one of the old nodes, and fills in the
// edit that puts it into the level above.
func (u *updater) writeNode(p *planner, r *region, items []item, put *Edit, buffer *[]byte) error {
	put.Key = items[len(items)-1].key
	if old := unchanged(r, items); old != nil && old.up != nil {
		put.Value, put.rows = old.up.n.value(old.idx), old.n.rows
		return nil
	}
	data, rows := appendNode((*buffer)[:0], p.level, items)
	*buffer = data
	h, err := u.put(data)
	put.Value, put.rows = h[:], rows
	return err
}

// unchanged returns the old node that consists of items, or nil.
func unchanged(r *region, items []item) *spot {
	from := items[0].from
	if from < 0 || r.parts[from].n.len() != len(items) {
		return nil
	}
	for i := range items {
		if items[i].from != from {
			return nil
		}
	}
	return r.parts[from].spot
}

// patch writes the one node of r with new values of the same weight: a copy of the old
// bytes with other values in them.
func (u *updater) patch(p *planner, r *region, buffer *[]byte) ([]Edit, error) {
	n := r.first().n
	out, done := (*buffer)[:0], 0
	if u.keep != nil {
		out = make([]byte, 0, len(n.data)+16)
	}
	rows, counts, aligned := n.rows, n.counts, true
	for k := r.lo; k < r.hi; k++ {
		e := &p.edits[k]
		i, found := n.find(e.Key)
		if !found || p.same(n, i, e) {
			continue
		}
		at := n.spans[i]
		out = append(out, n.data[done:at.keyEnd]...)
		out = object.AppendBytes(out, e.Value)
		done = int(at.valEnd)
		if p.level > 0 {
			out = object.AppendUint(out, e.rows)
			done += object.HeadSize(n.count(i))
			if before := n.count(i); before != e.rows {
				rows += e.rows - before
				if &counts[0] == &n.counts[0] {
					counts = slices.Clone(counts)
				}
				counts[i] = e.rows
			}
		}
		aligned = aligned && len(out) == done
	}
	out = append(out, n.data[done:]...)
	h := object.Sum(out)
	if err := u.w.Put(object.KindStateNode, h, out); err != nil {
		return nil, err
	}
	switch {
	case u.keep == nil:
		*buffer = out
	case aligned:
		u.keep.keep(h, n.patched(out, rows, counts))
	default:
		u.keep.shard(h).put(h, &cached{data: out})
	}
	return []Edit{{Key: n.lastKey(), Value: h[:], rows: rows}}, nil
}

// items returns the content of r after the edits, in order. It belongs to the caller;
// keys and values are those of the edits and parts of the old nodes.
func (p *planner) items(r *region) []item {
	count, keyBytes := r.hi-r.lo, 0
	for k := range r.parts {
		s := r.parts[k].spot
		count += s.n.len()
		keyBytes += s.n.keyBytes()
	}
	items := make([]item, 0, count)
	keys := make([]byte, 0, keyBytes)
	edits := p.edits[r.lo:r.hi]
	for k := range r.parts {
		s := r.parts[k].spot
		for i := range s.n.len() {
			for len(edits) > 0 && s.n.compare(i, edits[0].Key) > 0 {
				items = p.appendEdit(items, &edits[0])
				edits = edits[1:]
			}
			if len(edits) > 0 && s.n.compare(i, edits[0].Key) == 0 {
				e := &edits[0]
				edits = edits[1:]
				if e.Delete || !p.same(s.n, i, e) {
					items = p.appendEdit(items, e)
					continue
				}
			}
			begin := len(keys)
			keys = s.n.appendKey(keys, i)
			items = append(items, item{
				key: keys[begin:len(keys):len(keys)], val: s.n.value(i), rows: s.n.count(i), from: int32(k),
			})
		}
	}
	for k := range edits {
		items = p.appendEdit(items, &edits[k])
	}
	return items
}

func (p *planner) appendEdit(items []item, e *Edit) []item {
	if e.Delete {
		return items
	}
	rows := e.rows
	if p.level == 0 {
		rows = 1
	}
	return append(items, item{key: e.Key, val: e.Value, rows: rows, from: -1})
}

// ends returns the index behind the last item of each new node.
func (p *planner) ends(ctx context.Context, r *region, items []item, workers int) ([]int, error) {
	inside := items
	if r.last().closed {
		inside = items[:len(items)-1]
	}
	weights := make([]int32, len(inside))
	sum := 0
	for i := range inside {
		w := weight(p.level, len(inside[i].key), len(inside[i].val))
		weights[i] = int32(w)
		sum += w
	}
	closes := make([]bool, len(inside))
	if sum > maxWeight(p.level) {
		priorities := make([]uint64, len(inside))
		const perTask = 256
		tasks := (len(inside) + perTask - 1) / perTask
		err := parallel(ctx, workers, tasks, func(_, task int) error {
			for i := task * perTask; i < min(len(inside), (task+1)*perTask); i++ {
				priorities[i] = priority(p.level, inside[i].key)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		closers(maxWeight(p.level), weights, priorities, closes)
		p.keepFar(r, inside, weights, closes)
	}
	var ends []int
	for i, c := range closes {
		if c {
			ends = append(ends, i+1)
		}
	}
	if n := len(items); n > 0 && (len(ends) == 0 || ends[len(ends)-1] < n) {
		ends = append(ends, n)
	}
	return ends, nil
}

// keepFar gives the items farther than the maximum weight from every edit, on the sides
// where r is cut off, what they had: they are the last of their old nodes, or they are not.
func (p *planner) keepFar(r *region, items []item, weights []int32, closes []bool) {
	limit := maxWeight(p.level)
	wasEnd := func(i int) bool {
		last := r.parts[items[i].from].n
		return last.compare(last.len()-1, items[i].key) == 0
	}
	if r.cutLeft {
		first, sum := p.edits[r.lo].Key, 0
		i := 0
		for i < len(items) && bytes.Compare(items[i].key, first) < 0 {
			i++
		}
		for i--; i >= 0; i-- {
			if sum >= limit {
				closes[i] = wasEnd(i)
			}
			sum += int(weights[i])
		}
	}
	if r.cutRight {
		last, sum := p.edits[r.hi-1].Key, 0
		i := len(items)
		for i > 0 && bytes.Compare(items[i-1].key, last) > 0 {
			i--
		}
		for ; i < len(items); i++ {
			if sum >= limit {
				closes[i] = wasEnd(i)
			}
			sum += int(weights[i])
		}
	}
}

// above returns the edits that turn the old nodes of r into those of puts, in order.
func (p *planner) above(r *region, puts []Edit) []Edit {
	edits := make([]Edit, 0, len(puts)+len(r.parts))
	for k := range r.parts {
		s := r.parts[k].spot
		if s.isEmpty() {
			continue
		}
		last := s.lastItem()
		for len(puts) > 0 && s.n.compare(last, puts[0].Key) > 0 {
			edits = append(edits, puts[0])
			puts = puts[1:]
		}
		if len(puts) > 0 && s.n.compare(last, puts[0].Key) == 0 {
			if s.up == nil || !bytes.Equal(puts[0].Value, s.up.n.value(s.idx)) {
				edits = append(edits, puts[0])
			}
			puts = puts[1:]
			continue
		}
		edits = append(edits, Edit{Key: s.n.lastKey(), Delete: true})
	}
	return append(edits, puts...)
}
