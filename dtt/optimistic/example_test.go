package optimistic_test

import (
	"context"
	"fmt"

	"aergo/dtt"
	"aergo/dtt/optimistic"
)

// slot is the value of a key: an amount, or a key that stands for another one.
type slot struct {
	Amount int
	Alias  string
}

// names is a state of slots by key.
type names map[string]slot

func (s names) Load(key string) (slot, error) { return s[key], nil }
func (names) Add(a, b slot) slot              { return slot{a.Amount + b.Amount, a.Alias} }
func (names) Equal(a, b slot) bool            { return a == b }

// Payments go to whom an alias stands for when their turn comes, so that nobody knows
// beforehand which accounts they touch. The run finds out, and from what it found a tree is
// built in which the payments through an alias stay in order with the change of it.
func Example() {
	state := names{"shop": {Alias: "ada"}, "club": {Alias: "cy"}}
	type payment struct{ alias, moveTo string }
	block := []payment{{alias: "shop"}, {alias: "club"}, {alias: "shop", moveTo: "bo"}, {alias: "club"}, {alias: "shop"}}

	pool := dtt.NewPool(2)
	defer pool.Close()
	d := optimistic.NewDiscoverer[string, slot](state)
	found, err := d.Run(context.Background(), pool, len(block), func(_ context.Context, tx int, v *optimistic.KeyView[string, slot]) error {
		p := block[tx]
		if p.moveTo != "" {
			v.Write(p.alias, slot{Alias: p.moveTo})
			return nil
		}
		alias, err := v.Read(p.alias)
		if err != nil {
			return err
		}
		v.Delta(alias.Alias, slot{Amount: 5})
		return nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for tx := range found.Lists.Len() {
		fmt.Print(tx, ":")
		for _, a := range found.Lists.At(tx) {
			fmt.Printf(" %v %s", a.Mode(), found.Keys[a.Unit()])
		}
		fmt.Println()
	}
	for _, c := range found.Changes {
		fmt.Println(found.Keys[c.Unit], c.Value)
	}
	tree, order := dtt.BuildReordering(found.Lists, nil, dtt.Options{MinLeaf: 1})
	fmt.Println(tree, order)
	// Output:
	// 0: read shop delta ada
	// 1: read club delta cy
	// 2: write shop
	// 3: read club delta cy
	// 4: read shop delta bo
	// ada {5 }
	// cy {10 }
	// shop {0 bo}
	// bo {5 }
	// P(3,2) [0 2 4 1 3]
}
