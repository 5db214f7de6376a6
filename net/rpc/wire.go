package rpc

import (
	"context"

	"aergo/repo"
)

// pushed is repo.Pushed on the wire, where an error is a fault.
type pushed struct {
	repo.Pushed
	Behind *fault
}

// onWire returns what stands for a value in JSON: the value itself, but for the few that
// JSON cannot hold.
func onWire(v any) any {
	if p, ok := v.(repo.Pushed); ok {
		w := pushed{Pushed: p}
		if p.Behind != nil {
			w.Behind = faultOf(context.Background(), p.Behind)
		}
		w.Pushed.Behind = nil
		return w
	}
	return v
}

// value returns what a pushed stands for.
func (w pushed) value() repo.Pushed {
	w.Pushed.Behind = w.Behind.err()
	return w.Pushed
}
