package repo

import (
	"context"
	"errors"
	"fmt"

	"aergo/branch"
	"aergo/contract/sql"
	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/repo/object"
	"aergo/repo/ref"
	rowkey "aergo/repo/state/key"
)

// Contracts are rows of a table of their own: so they are signed, committed, merged and
// blamed like everything else, and every block has the contracts of its state.
const (
	contractTable  = "aergo.contracts"
	contractSource = "source"
	contractKind   = "kind"
	kindResolver   = "resolver"
)

// MaxContractBytes is the length of the longest source of a contract.
const MaxContractBytes = branch.MaxLogicBytes

// ErrNoContract says that there is no contract, or built-in merge logic, of this name.
var ErrNoContract = errors.New("contract not found")

// Contract is a resolver in SQL, stored under a name.
type Contract struct {
	Name   string
	Source []byte
	Hash   object.Hash // of the source
}

// MergeLogic is what decides the conflicts of merges into a branch.
type MergeLogic struct {
	Name string // under which it was chosen
	Hash object.Hash
	// Source is the rules, in SQL.
	Source []byte
}

// CompileContract says whether a source is a resolver, and tries the cases in its comments.
func CompileContract(ctx context.Context, source []byte) ([]sql.Tried, error) {
	if len(source) > MaxContractBytes {
		return nil, fmt.Errorf("contract: %w: %d bytes of at most %d", ErrTooLarge, len(source), MaxContractBytes)
	}
	resolver, err := sql.Compile(source)
	if err != nil {
		return nil, err
	}
	return resolver.Try(ctx)
}

// SetContract prepares a transaction that stores a resolver under a name. It must compile,
// and the cases in its comments must hold.
func (r *Repo) SetContract(ctx context.Context, name string, source []byte) (Prepared, error) {
	if _, builtin := sql.BuiltinSource(name); builtin || name == "" || len(name) > branch.MaxLogicNameBytes || value.CheckName(name) != nil {
		return Prepared{}, fmt.Errorf("contract %q: %w: it is built in, or no name", name, ref.ErrBadName)
	}
	tried, err := CompileContract(ctx, source)
	if err != nil {
		return Prepared{}, err
	}
	for _, t := range tried {
		if !t.Holds() {
			return Prepared{}, fmt.Errorf("%w: line %d: %s answers %s, not %s", sql.ErrProgram, t.Line, t.Case, t.Got, t.Want)
		}
	}
	return r.Apply(ctx, "contract", [][]table.Spec{{{
		Code: table.Put, Table: contractTable, Key: []rowkey.Component{rowkey.Text(name)},
		Fields: []value.Field{
			{Name: contractKind, Enc: value.AppendText(nil, kindResolver)},
			{Name: contractSource, Enc: value.AppendText(nil, string(source))},
		},
	}}})
}

// Contract returns the contract of a name, at a revision or with what is pending.
func (r *Repo) Contract(ctx context.Context, name, at string) (Contract, error) {
	row, err := r.Get(ctx, contractTable, name, at)
	if errors.Is(err, ErrNoRow) || errors.Is(err, ErrNoTable) {
		return Contract{}, fmt.Errorf("contract %q: %w", name, ErrNoContract)
	}
	if err != nil {
		return Contract{}, err
	}
	return contractOf(name, row)
}

func contractOf(name string, row Row) (Contract, error) {
	enc, _ := table.Lookup(row.Data, contractSource)
	source, ok := value.AsText(enc)
	if !ok {
		return Contract{}, fmt.Errorf("contract %q: %w: its row has no source", name, ErrNoContract)
	}
	return Contract{Name: name, Source: source, Hash: object.Sum(source)}, nil
}

// Contracts calls fn for every contract, by name.
func (r *Repo) Contracts(ctx context.Context, at string, fn func(Contract) error) error {
	err := r.Rows(ctx, contractTable, at, func(row Row) error {
		components, err := rowkey.Decode(row.Tuple)
		if err != nil {
			return err
		}
		c, err := contractOf(components[0].String(), row)
		if errors.Is(err, ErrNoContract) {
			return nil // a row that somebody put there by hand
		}
		if err != nil {
			return err
		}
		return fn(c)
	})
	if errors.Is(err, ErrNoTable) {
		return nil
	}
	return err
}

// FoundBranch is CreateBranch for a branch whose conflicting merges a logic decides: a
// built-in one, or a contract as it is where the branch starts. It begins with a block of its own,
// which fixes the logic for good.
func (r *Repo) FoundBranch(ctx context.Context, name ref.Name, at, logic string) (ref.Branch, error) {
	var b ref.Branch
	err := r.write(ctx, "branch", func(c *change) (err error) {
		if b, err = r.draftBranch(ctx, name, at); err != nil {
			return err
		}
		l, w, err := c.open(ctx)
		if err != nil {
			return err
		}
		parent, err := l.Block(ctx, b.Head)
		if err != nil {
			return err
		}
		chosen := branch.MergeLogic{Name: logic}
		var builtin bool
		if chosen.Source, builtin = sql.BuiltinSource(logic); !builtin {
			contract, err := r.Contract(ctx, logic, b.Head.String())
			if err != nil {
				return err
			}
			chosen.Source = contract.Source
		}
		signer, err := r.owner(ctx, l)
		if err != nil {
			return err
		}
		founding, err := l.Found(ctx, w, parent, string(name), b.Nonce, chosen, r.now(), signer)
		if err != nil {
			return err
		}
		b.Head = founding.ID
		c.setBranch(ref.Branch{}, b)
		return nil
	})
	return b, err
}

// MergeLogic returns the merge logic of a branch, nil if it has none.
func (r *Repo) MergeLogic(ctx context.Context, name ref.Name) (*MergeLogic, error) {
	b, err := r.refs.Branch(ctx, name)
	if err != nil || b.Head == b.Root { // founded branches have a block of their own
		return nil, err
	}
	l, err := r.ledger(ctx)
	if err != nil {
		return nil, err
	}
	head, err := l.Block(ctx, b.Head)
	if err != nil {
		return nil, err
	}
	logic, err := l.MergeLogic(ctx, head, b.ID)
	if err != nil || logic == nil {
		return nil, err
	}
	return &MergeLogic{Name: logic.Name, Hash: logic.Hash(), Source: logic.Source}, nil
}

// readyLogic readies merge logics for a ledger.
func readyLogic(source []byte) (branch.Logic, error) {
	resolver, err := sql.Compile(source)
	if err != nil {
		return nil, err
	}
	return resolver.ForMerge(), nil
}
