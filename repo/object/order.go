package object

// OrderKind is what an order asks for.
type OrderKind uint64

// The kinds of order.
const (
	OrderMerge  OrderKind = 0 // replay what Source has and the branch has not
	OrderPick   OrderKind = 1 // take the named transactions, wherever they come from
	OrderReplay OrderKind = 2 // try the named excluded transactions again
	OrderDrop   OrderKind = 3 // give the named excluded transactions up
	orderKinds            = 4
)

var orderNames = [orderKinds]string{"merge", "pick", "replay", "drop"}

func (k OrderKind) String() string {
	if k < orderKinds {
		return orderNames[k]
	}
	return "unknown order"
}

// Mode is what happens to a transaction that is inconsistent with the target.
type Mode uint64

// The modes of a merge.
const (
	ModeExclude Mode = 0 // leave it out, with the reason
	ModeOurs    Mode = 1 // leave it out, because ours wins
	ModeTheirs  Mode = 2 // leave it out, and force its effects by a batch of the signer's
	ModeResolve Mode = 3 // ask the branch's resolver
	modeCount        = 4
)

var modeNames = [modeCount]string{"exclude", "ours", "theirs", "resolve"}

func (m Mode) String() string {
	if m < modeCount {
		return modeNames[m]
	}
	return "unknown mode"
}

// Selection names consecutive transactions of a batch.
type Selection struct {
	Batch Hash
	First uint64
	Count uint64
}

// Order lets transactions enter a branch whose authors may not write there themselves.
// It is sealed by an identity that may.
type Order struct {
	Lineage    Hash
	Signer     Identity
	Kind       OrderKind
	Branch     Hash        // id of the target branch
	Source     Hash        // head of the source, for a merge; else zero
	Items      []Selection // for pick, replay and drop; a merge names none
	Mode       Mode
	Message    string
	TimeMillis uint64
	Mark       Mark
	Expiry     uint64 // last height at which it may enter the branch; 0 is none
	Extensions []Extension
}

// Encode returns the one encoding of o.
func (o *Order) Encode() []byte {
	out := appendRecord(nil, KindOrder, 12)
	out = AppendHash(out, o.Lineage)
	out = appendIdentity(out, o.Signer)
	out = AppendUint(out, uint64(o.Kind))
	out = AppendHash(out, o.Branch)
	out = appendOptional(out, o.Source)
	out = AppendArray(out, len(o.Items))
	for _, s := range o.Items {
		out = AppendArray(out, 3)
		out = AppendHash(out, s.Batch)
		out = AppendUint(out, s.First)
		out = AppendUint(out, s.Count)
	}
	out = AppendUint(out, uint64(o.Mode))
	out = AppendText(out, o.Message)
	out = AppendUint(out, o.TimeMillis)
	out = appendMark(out, o.Mark)
	out = AppendUint(out, o.Expiry)
	return appendExtensions(out, o.Extensions)
}

// minSelectionBytes is the size of a selection with the smallest numbers.
const minSelectionBytes = 1 + 2 + HashSize + 2

// DecodeOrder reads the record of an order. A merge has a source and no items, any other
// order has items and no source.
func DecodeOrder(data []byte) (*Order, error) {
	r := NewReader(data)
	r.record(KindOrder, 12)
	o := &Order{Lineage: r.Hash(), Signer: r.identity(), Kind: OrderKind(r.UintMax(orderKinds - 1)), Branch: r.Hash(), Source: r.optional()}
	n := r.counted(MaxOrderItems, minSelectionBytes)
	isMerge := o.Kind == OrderMerge
	if r.err == nil && (isMerge != (n == 0) || isMerge == o.Source.IsZero()) {
		r.Fail("%s order with %d items and source %q", o.Kind, n, o.Source.Short())
	}
	if n > 0 {
		o.Items = make([]Selection, 0, n)
	}
	for i := 0; i < n && r.err == nil; i++ {
		r.ArrayOf(3)
		s := Selection{Batch: r.Hash(), First: r.UintMax(MaxBatchItems), Count: r.UintMax(MaxBatchItems)}
		if s.Count == 0 {
			r.Fail("item %d selects nothing", i)
		}
		if s.First+s.Count > MaxBatchItems {
			r.Fail("item %d goes beyond %d transactions", i, uint64(MaxBatchItems))
		}
		o.Items = append(o.Items, s)
	}
	o.Mode = Mode(r.UintMax(modeCount - 1))
	o.Message = r.Text(MaxMessageBytes)
	o.TimeMillis = r.Uint()
	o.Mark = r.mark()
	o.Expiry = r.Uint()
	o.Extensions = r.extensions()
	if err := r.finish(KindOrder); err != nil {
		return nil, err
	}
	return o, nil
}
