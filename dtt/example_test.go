package dtt_test

import (
	"context"
	"fmt"
	"strings"

	"aergo/dtt"
)

// Five transfers between the accounts A to E. The first two touch nothing in common, nor do
// the next two; the last one needs what both left.
func Example() {
	const accounts = "ABCDE"
	var b dtt.ListBuilder
	for _, transfer := range []string{"AB", "CD", "AE", "CD", "BD"} {
		b.Begin()
		for _, account := range transfer {
			b.Add(dtt.Unit(strings.IndexRune(accounts, account)), dtt.Write)
		}
	}
	lists, err := b.Lists()
	if err != nil {
		fmt.Println(err)
		return
	}
	tree, order := dtt.BuildReordering(lists, nil, dtt.Options{MinLeaf: 1})
	if lists, err = lists.Reorder(order); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(tree, order == nil, dtt.Check(lists, tree))
	fmt.Println(dtt.Check(lists, dtt.Par(dtt.Serial(2), dtt.Serial(3))))
	fmt.Println(tree.Work(nil), tree.CriticalPath(nil))

	pool := dtt.NewPool(2)
	defer pool.Close()
	ran := make([]int, lists.Len())
	err = pool.Run(context.Background(), tree, func(_ context.Context, _, first, count int) error {
		for i := first; i < first+count; i++ {
			ran[i]++
		}
		return nil
	})
	fmt.Println(ran, err)
	// Output:
	// S(P(1,1),P(1,1),1) true <nil>
	// transactions 0 and 2 run side by side but conflict on unit 0
	// 5 3
	// [1 1 1 1 1] <nil>
}

// Six transfers that all touch account 0 are one chain. A cut in the middle lets both
// halves run at once.
func ExampleCheckpoint() {
	var b dtt.ListBuilder
	for i := range 6 {
		b.Begin()
		b.Add(0, dtt.Write)
		b.Add(dtt.Unit(1+i), dtt.Write)
	}
	lists, err := b.Lists()
	if err != nil {
		fmt.Println(err)
		return
	}
	opt := dtt.Options{MinLeaf: 1, Workers: 2}
	tree := dtt.Build(lists, nil, opt)
	cut := dtt.Checkpoint(tree, lists, nil, opt)
	fmt.Println(tree, tree.CriticalPath(nil), cut, cut.CriticalPath(nil))
	// Output:
	// 6 6 C[0](3,3) 3
}
