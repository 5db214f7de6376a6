package main

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"aergo/cmd/aergo/ui"
	"aergo/repo"
	"aergo/repo/shape"
)

// triedJSON is one case of a contract test.
type triedJSON struct {
	Line  int    `json:"line"`
	Case  string `json:"case"`
	Want  string `json:"want"`
	Got   string `json:"got"`
	Holds bool   `json:"holds"`
	Steps int    `json:"steps"`
}

func newContract(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "contract",
		Short: "Keep the rules by which conflicts are decided",
		Long: `Keep the rules by which conflicts are decided: resolvers in SQL, stored in the ledger under
a name. A rule says what becomes of a cell that both sides of a merge have changed:

  on stock.count: ours + theirs - base;
  on users: iif(theirs.updated > ours.updated, theirs, ours);

A branch takes its rules when it is made, for good: aergo branch NAME --merge-logic=NAME.`,
		Example: "  aergo contract test rules.sql\n  aergo contract set stock rules.sql\n  aergo commit -m 'Rules for the stock'\n  aergo branch shop --merge-logic=stock",
		Args:    wants(0, 0),
		RunE:    func(c *cobra.Command, _ []string) error { return a.listContracts(c.Context(), "") },
	}
	var at string
	list := &cobra.Command{
		Use: "list", Short: "List the contracts", Args: wants(0, 0),
		RunE: func(c *cobra.Command, _ []string) error { return a.listContracts(c.Context(), at) },
	}
	show := &cobra.Command{
		Use: "show NAME", Short: "Show a contract's rules", Args: wants(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return a.showContract(c.Context(), args[0], at) },
	}
	for _, sub := range []*cobra.Command{list, show} {
		sub.Flags().StringVar(&at, "at", "", "as of `REV`")
		_ = sub.RegisterFlagCompletionFunc("at", a.complete(revisionNames))
	}
	set := &cobra.Command{
		Use: "set NAME FILE", Short: "Store rules under a name, if they are sound and their cases hold", Args: wants(2, 2),
		RunE: func(c *cobra.Command, args []string) error { return a.setContract(c.Context(), args[0], args[1]) },
	}
	test := &cobra.Command{
		Use: "test FILE", Short: "Check rules, and try the cases in their comments",
		Long: `Check rules without storing them, and try the cases in their comments:

  -- case: stock.count  base {"count":10}  ours {"count":8}  theirs {"count":13}  answers 11`,
		Args: wants(1, 1),
		RunE: func(c *cobra.Command, args []string) error { return a.testContract(c.Context(), args[0]) },
	}
	c.AddCommand(list, show, set, test)
	return c
}

func (a *app) listContracts(ctx context.Context, at string) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		t := a.ui.Table(ui.Column{}, ui.Column{}, ui.Column{})
		found := false
		err := r.Contracts(ctx, at, func(c repo.Contract) error {
			found = true
			if a.ui.JSON {
				return a.ui.PrintJSON(shape.OfContract(c))
			}
			t.Row(c.Name, c.Hash.Short(), count(uint64(len(c.Source)), "byte", ""))
			return nil
		})
		if err != nil {
			return err
		}
		if !found {
			a.ui.Note("there are no contracts: aergo contract set NAME FILE")
		}
		return t.Close()
	})
}

func (a *app) showContract(ctx context.Context, name, at string) error {
	return a.withRepository(ctx, func(r repo.Door) error {
		c, err := r.Contract(ctx, name, at)
		if err != nil {
			return err
		}
		if a.ui.JSON {
			shape := shape.OfContract(c)
			shape.Source = string(c.Source)
			return a.ui.PrintJSON(shape)
		}
		var b strings.Builder
		for line := range strings.Lines(string(c.Source)) {
			b.WriteString(ui.Clean(strings.ReplaceAll(strings.TrimRight(line, "\r\n"), "\t", "  ")) + "\n")
		}
		return a.ui.Printf("%s", b.String())
	})
}

func (a *app) setContract(ctx context.Context, name, file string) error {
	source, err := a.readRules(file)
	if err != nil {
		return err
	}
	return a.withRepository(ctx, func(r repo.Door) error {
		p, err := r.SetContract(ctx, name, source)
		if err != nil {
			return err
		}
		if a.ui.JSON {
			return a.ui.PrintJSON(preparedShape(p))
		}
		if p.Transactions == 0 {
			return a.ui.Printf("Contract %s is so already\n", ui.Clean(name))
		}
		return a.ui.Printf("Contract %s set on %s, %s pending: aergo commit\n", ui.Clean(name), p.Branch, number(p.Pending))
	})
}

// readRules reads a file, or standard input if it is -, as far as rules may go.
func (a *app) readRules(file string) ([]byte, error) {
	in, err := a.input(file)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return io.ReadAll(io.LimitReader(in, repo.MaxContractBytes+1))
}

func (a *app) testContract(ctx context.Context, file string) error {
	source, err := a.readRules(file)
	if err != nil {
		return err
	}
	tried, err := repo.CompileContract(ctx, source)
	if err != nil {
		return err
	}
	wrong := uint64(0)
	t := a.ui.Table(ui.Column{}, ui.Column{}, ui.Column{})
	for _, c := range tried {
		word := "holds"
		if !c.Holds() {
			word = "got " + c.Got
			wrong++
		}
		if a.ui.JSON {
			if err := a.ui.PrintJSON(triedJSON{c.Line, c.Case, c.Want, c.Got, c.Holds(), c.Steps}); err != nil {
				return err
			}
			continue
		}
		t.Row("line "+number(uint64(c.Line)), ui.Clean(c.Case+"  answers "+c.Want), ui.Clean(word))
	}
	if err := t.Close(); err != nil {
		return err
	}
	a.ui.Note("the rules are sound: %s, %s not as stated", count(uint64(len(tried)), "case", ""), number(wrong))
	if wrong > 0 {
		return errNo
	}
	return nil
}
