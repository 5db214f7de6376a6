package branch

import (
	"context"
	"errors"
	"fmt"

	"aergo/contract"
	"aergo/repo/object"
	"aergo/repo/state"
	"aergo/repo/state/key"
	"aergo/repo/store"
)

// The merge logic of a branch is fixed by the branch's first block, its founding block, and
// lies in its state under
//
//	KindSystem, "merge", the branch's id
//
// The founding block takes no transaction. Its header has the extension ExtensionFounding:
//
//	[name, nonce, logic, source]
//
// of which the first two, with the block's parent and the Directory, make the branch's id:
// so nobody else can found the branch, nor anybody a second time. The row is the array
// [logic, source]. No transaction reaches it.

// MaxLogicBytes is the length of the longest source of a merge logic.
const MaxLogicBytes = 48 << 10

// MaxLogicNameBytes is the length of the longest name of one.
const MaxLogicNameBytes = 128

// ErrNoLogic is wrapped when a branch without merge logic is merged by one.
var ErrNoLogic = errors.New("branch has no merge logic")

// MergeLogic is what decides the conflicts of merges into a branch.
type MergeLogic struct {
	Name   string // under which it was chosen
	Source []byte
}

// Hash returns what headers name it by.
func (m MergeLogic) Hash() object.Hash { return object.Sum(m.Source) }

// Logic is a merge logic ready to run for one merge.
type Logic interface {
	contract.Resolver
	// NeedsTimes says whether it looks at when the target changed a field.
	NeedsTimes() bool
	Close() error
}

func logicKey(branch object.Hash) []byte {
	k := append([]byte{byte(key.KindSystem)}, "merge"...)
	return append(k, branch[:]...)
}

func (m MergeLogic) appendTo(b []byte) []byte {
	b = object.AppendText(b, m.Name)
	return object.AppendBytes(b, m.Source)
}

func readLogic(r *object.Reader) MergeLogic {
	m := MergeLogic{Name: r.Text(MaxLogicNameBytes), Source: r.Bytes(MaxLogicBytes)}
	if r.Err() == nil && (m.Name == "" || len(m.Source) == 0) {
		r.Fail("merge logic without a name or a source")
	}
	return m
}

// founding is what a founding block's extension says.
type founding struct {
	name  string
	nonce uint64
	logic MergeLogic
}

func (f *founding) encode() []byte {
	b := object.AppendArray(nil, 4)
	b = object.AppendText(b, f.name)
	b = object.AppendUint(b, f.nonce)
	return f.logic.appendTo(b)
}

func decodeFounding(data []byte) (*founding, error) {
	r := object.NewReader(data)
	r.ArrayOf(4)
	f := &founding{name: r.Text(object.MaxNameBytes), nonce: r.Uint()}
	f.logic = readLogic(r)
	if err := r.End(); err != nil {
		return nil, fmt.Errorf("founding: %w", err)
	}
	return f, nil
}

// MergeLogic returns the merge logic that a branch has at a block, nil for none.
func (c Chain) MergeLogic(ctx context.Context, at Block, branch object.Hash) (*MergeLogic, error) {
	row, ok, err := c.State(at).Get(ctx, logicKey(branch))
	if err != nil || !ok {
		return nil, err
	}
	r := object.NewReader(row)
	r.ArrayOf(2)
	m := readLogic(r)
	if err := r.End(); err != nil {
		return nil, fmt.Errorf("merge logic of branch %s: %w", branch.Short(), err)
	}
	return &m, nil
}

// compile readies a merge logic.
func (l *Ledger) compile(m *MergeLogic) (Logic, error) {
	if l.Logics == nil {
		return nil, fmt.Errorf("%w: this ledger runs none", ErrNoLogic)
	}
	return l.Logics(m.Source)
}

// Found writes the founding block of a branch with a merge logic on parent. The branch's id
// is that of object.BranchID.
func (l *Ledger) Found(ctx context.Context, w store.Writer, parent Block, name string, nonce uint64, logic MergeLogic, now uint64, producer Signer) (Block, error) {
	ready, err := l.compile(&logic)
	if err != nil {
		return Block{}, err
	}
	if err := ready.Close(); err != nil {
		return Block{}, err
	}
	f := &founding{name: name, nonce: nonce, logic: logic}
	if _, err := decodeFounding(f.encode()); err != nil {
		return Block{}, fmt.Errorf("merge logic %q of %d bytes: %w", logic.Name, len(logic.Source), err)
	}
	id := object.BranchID(l.Directory.Genesis, parent.ID, name, nonce)
	x := l.NewExecutor(w, parent.Header.State)
	if err := x.found(ctx, id, f); err != nil {
		return Block{}, err
	}
	return l.Seal(ctx, w, Draft{
		Branch: id, Parent: &parent, Now: now, Run: x,
		Extensions: []object.Extension{{ID: object.ExtensionFounding, Critical: true, Data: f.encode()}},
	}, producer)
}

// found makes the change of a founding block.
func (x *Executor) found(ctx context.Context, branch object.Hash, f *founding) (err error) {
	row := f.logic.appendTo(object.AppendArray(nil, 2))
	x.tree, err = x.tree.Update(ctx, x.writer, []state.Edit{{Key: logicKey(branch), Value: row}}, 1)
	return err
}

// checkExtensions refuses extensions of a header that are critical and unknown, and those
// that are known where or how they do not stand.
func checkExtensions(b Block) error {
	if id, found := object.UnknownCritical(b.Extensions, object.ExtensionFounding, object.ExtensionGrounds); found {
		return fmt.Errorf("%w: critical extension %d is unknown to this version", FaultExtension, id)
	}
	for _, e := range b.Extensions {
		switch {
		case e.ID != object.ExtensionFounding && e.ID != object.ExtensionGrounds:
		case !e.Critical:
			return fmt.Errorf("%w: extension %d is not critical", FaultExtensionForm, e.ID)
		case e.ID == object.ExtensionGrounds && b.MergeMode != object.ModeResolve:
			return fmt.Errorf("%w: it names grounds and merges by no resolver", FaultExtensionForm)
		}
	}
	return nil
}

// checkFounding returns what a founding block founds, nil if the block is none.
func (l *Ledger) checkFounding(p *prepared) (*founding, error) {
	data, ok := object.FindExtension(p.Extensions, object.ExtensionFounding)
	if !ok {
		return nil, nil
	}
	f, err := decodeFounding(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", FaultFounding, err)
	}
	switch {
	case p.parent == nil || object.BranchID(p.cited.Genesis, p.parent.ID, f.name, f.nonce) != p.Branch:
		return nil, fmt.Errorf("%w: it founds another branch than its own", FaultFounding)
	case len(p.body.Entries) > 0 || len(p.body.Orders) > 0:
		return nil, fmt.Errorf("%w: it founds a branch and takes transactions", FaultFounding)
	}
	ready, err := l.compile(&f.logic)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", FaultFounding, err)
	}
	return f, ready.Close()
}
