package transfer

import (
	"context"
	"fmt"
	"maps"

	"aergo/repo/object"
)

// firstHistory is how many blocks are listed at first. Each time four times as many are,
// so that somebody who lacks little is not told much, and a long chain takes few requests.
const firstHistory = 16

// advance brings the headers of some blocks of the edge and of those that they lead to, as
// far as the other side lists them, and moves the edge on.
func (g *gathering) advance(ctx context.Context) error {
	at := max(0, len(g.edge)-maxHeads)
	part := g.edge[at:]
	next, err := g.segment(ctx, part, max(1, g.limit>>(2*g.shrink)))
	if err != nil {
		return err
	}
	g.edge = append(g.edge[:at], next...)
	g.limit = min(4*g.limit, maxHistory)
	return nil
}

// segment is advance, and returns the blocks that are next. It may be called again after a
// cut.
func (g *gathering) segment(ctx context.Context, edge []object.Hash, limit int) ([]object.Hash, error) {
	var lacking []object.Hash
	for _, h := range edge {
		if !g.spool.has(h) {
			lacking = append(lacking, h)
		}
	}
	if len(lacking) > 0 {
		listed, err := g.ask.history(lacking, limit)
		if err != nil {
			return nil, err
		}
		if err := g.headers(ctx, lacking, listed); err != nil {
			return nil, err
		}
	}
	return g.settle(ctx, edge) // asks for nothing, so that nothing is left half done
}

// headers brings the headers of the blocks that are lacking, and of those that were listed
// when that was asked. It refuses a block that nothing leads to.
func (g *gathering) headers(ctx context.Context, lacking, listed []object.Hash) error {
	linked := map[object.Hash]bool{}
	link := func(data []byte) {
		if b, err := object.DecodeHeader(data); err == nil {
			for _, to := range blockLinks(b) {
				linked[to] = true
			}
		}
	}
	order := append([]object.Hash(nil), lacking...)
	for _, h := range lacking {
		linked[h] = true
	}
	asked := maps.Clone(linked)
	for _, h := range listed {
		if data, ok := g.spooled(ctx, h); ok {
			link(data) // something led to it when it came
			continue
		}
		known, err := g.walk.Known(ctx, h)
		if err != nil {
			return err
		}
		if !known && !asked[h] {
			asked[h] = true
			order = append(order, h)
		}
	}
	for len(order) > 0 {
		part := order[:min(len(order), g.atOnce())]
		order = order[len(part):]
		if err := g.ask.want(part); err != nil {
			return err
		}
		for len(part) > 0 {
			err := g.ask.receive(func(r reply) error {
				h := part[0]
				part = part[1:]
				if len(r.data) > 0 && !linked[h] {
					return fmt.Errorf("block %s: %w: it was listed, but nothing leads to it", h.Short(), ErrProtocol)
				}
				link(r.data)
				return g.keep(h, r)
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// settle goes from some blocks through those that are in the spool, and returns the ones
// that they lead to and that are not. A block of the edge that is not there by now is not to
// be had: the repository says so when it gets there.
func (g *gathering) settle(ctx context.Context, edge []object.Hash) (next []object.Hash, err error) {
	queue := append([]object.Hash(nil), edge...)
	for i := 0; i < len(queue); i++ {
		h := queue[i]
		data, ok := g.spooled(ctx, h)
		if !ok {
			if i >= len(edge) {
				next = append(next, h)
			}
			continue
		}
		b, err := object.DecodeHeader(data)
		if err != nil {
			if err := g.expand(ctx, link{h, roleAny}, data); err != nil {
				return nil, err
			}
			continue
		}
		g.chain = append(g.chain, h)
		for _, to := range blockLinks(b) {
			fresh, err := g.fresh(ctx, to)
			if err != nil {
				return nil, err
			}
			if fresh {
				queue = append(queue, to)
			}
		}
	}
	return next, nil
}
