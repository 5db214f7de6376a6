package dpos

import "aergo/repo/object"

// Onion is a delegate's in-values: layers, each the hash of the one inside. The outermost,
// the anchor, is registered; every round the next one inside is revealed. A delegate has
// chosen all of them before it knows any other's.
type Onion struct {
	layers []object.Hash // outermost first; a secret but for what was revealed
	depth  map[object.Hash]int
}

// NewOnion makes an onion with a number of layers to reveal around a secret core. It keeps
// them all in memory.
func NewOnion(core object.Hash, layers int) *Onion {
	o := &Onion{layers: make([]object.Hash, layers+1), depth: make(map[object.Hash]int, layers+1)}
	at := core
	for i := layers; i >= 0; i-- {
		o.layers[i], o.depth[at] = at, i
		at = object.Sum(at[:])
	}
	return o
}

// Anchor returns what its holder registers.
func (o *Onion) Anchor() object.Hash { return o.layers[0] }

// inside returns the layer inside one that everybody knows; false when there is none.
func (o *Onion) inside(known object.Hash) (object.Hash, bool) {
	i, ok := o.depth[known]
	if !ok || i+1 >= len(o.layers) {
		return object.Hash{}, false
	}
	return o.layers[i+1], true
}
