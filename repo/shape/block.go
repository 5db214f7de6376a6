package shape

import (
	"time"

	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/ref"
)

// Status is where a repository stands.
type Status struct {
	Branch  string              `json:"branch"` // empty if a tag is checked out
	Tag     string              `json:"tag,omitempty"`
	Head    object.Hash         `json:"head"`
	Height  uint64              `json:"height"`
	Pending uint64              `json:"pending"`
	Others  map[ref.Name]uint64 `json:"others,omitempty"`
	Lacking *Lacking            `json:"lacking,omitempty"` // in a clone of a part
}

// Name is a branch or tag.
type Name struct {
	Name    string      `json:"name"`
	Block   object.Hash `json:"block"`
	Current bool        `json:"current"`
	Deleted bool        `json:"deleted,omitempty"`
	Logic   *Logic      `json:"merge_logic,omitempty"`
}

// Logic is the merge logic of a branch.
type Logic struct {
	Name string      `json:"name"`
	Hash object.Hash `json:"hash"`
}

// OfLogic is the shape of a merge logic, nil for none.
func OfLogic(l *repo.MergeLogic) *Logic {
	if l == nil {
		return nil
	}
	return &Logic{l.Name, l.Hash}
}

// Batch is a batch as log and show tell of it.
type Batch struct {
	ID           object.Hash `json:"id"`
	Author       string      `json:"author"`
	Key          string      `json:"key"` // of the author
	Message      string      `json:"message"`
	Time         time.Time   `json:"time"`
	Transactions uint64      `json:"transactions"`
	Excluded     uint64      `json:"excluded"`
}

// Order is an order as log and show tell of it.
type Order struct {
	ID      object.Hash  `json:"id"`
	Kind    string       `json:"kind"`
	Mode    string       `json:"mode"`
	Signer  string       `json:"signer"`
	Source  *object.Hash `json:"source,omitempty"`
	Message string       `json:"message"`
	Time    time.Time    `json:"time"`
}

// Block is a line of log.
type Block struct {
	Block    object.Hash   `json:"block"`
	Height   uint64        `json:"height"`
	Parents  []object.Hash `json:"parents"`
	Time     time.Time     `json:"time"`
	Producer string        `json:"producer"`
	Orders   []Order       `json:"orders"`
	Batches  []Batch       `json:"batches"`
}

// OfBlock is the shape of a block in a log.
func OfBlock(b repo.Block) Block {
	out := Block{
		Block: b.ID, Height: b.Height, Parents: b.Parents, Time: b.Time, Producer: b.Producer.Name,
		Orders: []Order{}, Batches: []Batch{},
	}
	if out.Parents == nil {
		out.Parents = []object.Hash{}
	}
	for _, o := range b.Orders {
		out.Orders = append(out.Orders, OfOrder(o))
	}
	for _, x := range b.Batches {
		out.Batches = append(out.Batches, Batch{
			ID: x.ID, Author: x.Author.Name, Key: PublicKey(x.Author), Message: x.Message, Time: x.Time,
			Transactions: x.Transactions, Excluded: x.Excluded,
		})
	}
	return out
}

// OfOrder is the shape of an order.
func OfOrder(o repo.Order) Order {
	return Order{
		ID: o.ID, Kind: o.Kind.String(), Mode: o.Mode.String(), Signer: o.Signer.Name, Source: Optional(o.Source), Message: o.Message, Time: o.Time,
	}
}

// LeftOut is a line of log --excluded.
type LeftOut struct {
	Block
	Excluded []Exclusion `json:"excluded"`
}

// Shown is a block in all detail.
type Shown struct {
	Block
	Key      string      `json:"key"` // of the producer
	State    object.Hash `json:"state"`
	Applied  uint64      `json:"applied"`
	Excluded []Exclusion `json:"excluded"`
}

// OfStatus is the shape of a status.
func OfStatus(st repo.Status) Status {
	return Status{
		Branch: string(st.Branch), Tag: string(st.Tag), Head: st.Head, Height: st.Height, Pending: st.Pending, Others: st.Others,
		Lacking: OfLacking(st.Lacking),
	}
}

// Lacking is what a clone of a part does not have.
type Lacking struct {
	Boundary []object.Hash `json:"boundary"` // blocks of which there are states, and before which there are headers only
	Tables   []string      `json:"tables"`   // whose rows alone are here; none for all
}

// OfLacking is the shape of what a clone of a part does not have, nil for nothing.
func OfLacking(p *repo.Partial) *Lacking {
	if p == nil {
		return nil
	}
	return &Lacking{Boundary: append([]object.Hash{}, p.Boundary...), Tables: append([]string{}, p.Tables...)}
}

// OfShown is the shape of a block in all detail.
func OfShown(b repo.Block) Shown {
	return Shown{OfBlock(b), PublicKey(b.Producer), b.State, b.Applied, OfExclusions(b.Excluded)}
}

// OfLeftOut is the shape of a block with what it excluded.
func OfLeftOut(b repo.Block) LeftOut { return LeftOut{OfBlock(b), OfExclusions(b.Excluded)} }
