package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"aergo/cmd/aergo/ui"
	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/shape"
)

func newWhy(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "why TX",
		Short: "Show what became of a transaction, and why",
		Long: `Show what became of a transaction (as in 3f2a9c1e.17) on each branch: in which block, by
whose order, by which rule, and who wrote what stood in its way.`,
		Example: "  aergo why 3f2a9c1e.17",
		Args:    wants(1, 1),
		RunE:    func(c *cobra.Command, args []string) error { return a.why(c.Context(), args[0], false) },
	}
}

// why tells the story of a transaction; with sides, where it is excluded, what it does and
// what each side has in every cell.
func (a *app) why(ctx context.Context, what string, sides bool) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		s, err := r.Why(ctx, what)
		if err != nil {
			return hinted("aergo excluded and aergo merge name transactions, as in 3f2a9c1e.17", err)
		}
		if a.ui.JSON {
			return a.ui.PrintJSON(shape.OfStory(s))
		}
		if err := a.printSigned("transaction "+s.Transaction.String(), s.Author, s.Batch.Time, s.Message); err != nil {
			return err
		}
		if err := a.ui.Printf("\n%s", operationLines(s.Operations)); err != nil {
			return err
		}
		return a.printFates(s, sides)
	})
}

func (a *app) printFates(s repo.Story, sides bool) error {
	if len(s.Fates) == 0 {
		return a.ui.Printf("\nNo branch has decided on it\n")
	}
	open := false
	for _, f := range s.Fates {
		open = open || f.Verdict == object.VerdictExcluded
		if err := a.ui.Printf("%s\n", fateText(f)); err != nil {
			return err
		}
		if f.Conflict == nil {
			continue
		}
		if sides {
			if err := printCells(a.ui, f.Conflict.Cells); err != nil {
				return err
			}
			continue
		}
		if err := a.ui.Printf("%s", inTheWay(*f.Conflict)); err != nil {
			return err
		}
	}
	switch {
	case open && sides:
		a.ui.Note("aergo excluded replay %s --set FIELD=VALUE does it in another way; aergo excluded drop %s gives it up", s.Transaction, s.Transaction)
	case open:
		a.ui.Note("aergo excluded show %s shows all sides", s.Transaction)
	}
	return nil
}

// fateText says what became of a transaction on a branch, in which block, by whose order,
// and for what reason.
func fateText(f repo.Fate) string {
	var text strings.Builder
	fmt.Fprintf(&text, "\nOn %s it is %s, by block %s at height %s", f.Branch, f.Verdict, f.Block.Short(), number(f.Height))
	if x := f.Reason; x != nil {
		fmt.Fprintf(&text, ": %s", x.Reason)
		if x.Table != "" {
			fmt.Fprintf(&text, ", at %s", ui.Clean(rowOf(x.Table, x.Key)))
		}
		if x.Field != "" {
			fmt.Fprintf(&text, " field %s", ui.Clean(x.Field))
		}
	}
	if o := f.Order; o != nil {
		fmt.Fprintf(&text, "\n  ordered by %s, %s: %s", ui.Clean(who(o.Signer)), when(o.Time), o.Kind)
		if subject := firstLine(o.Message); subject != "" {
			fmt.Fprintf(&text, ", %s", ui.Clean(subject))
		}
	}
	if p := f.Promised; p != nil && (p.Verdict != f.Verdict || (p.Reason == nil) != (f.Reason == nil)) {
		fmt.Fprintf(&text, "\n  receipt %s of %s promised that it is %s", p.Receipt.Short(), when(p.Time), p.Verdict)
	}
	return text.String()
}

// inTheWay says by which rule a transaction was excluded, and who wrote what it met.
func inTheWay(c repo.Conflict) string {
	var text strings.Builder
	if len(c.Cells) == 0 {
		return fmt.Sprintf("  %s\n", ruleIn(c.Exclusion))
	}
	for i, x := range c.Cells {
		if i == shownMax {
			fmt.Fprintf(&text, "  and %s more in the way\n", number(uint64(len(c.Cells)-i)))
			break
		}
		cell := rowOf(x.Table, x.Key)
		if x.Field != "" {
			cell += " " + x.Field
		}
		fmt.Fprintf(&text, "  %s: %s\n", ui.Clean(cell), shape.Rule(x.Reason))
		fmt.Fprintf(&text, "    held %s", ui.Clean(versionText(x.Ours, x.Field)))
		if w := x.Ours.By; w != nil {
			fmt.Fprintf(&text, ", by %s, %s", ui.Clean(who(w.Author)), when(w.Time))
			if w.Transaction != (repo.TxID{}) {
				fmt.Fprintf(&text, ", in %s", w.Transaction)
			}
		}
		text.WriteString("\n")
	}
	return text.String()
}
