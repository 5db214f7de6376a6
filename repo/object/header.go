package object

// Header is a block's header, and its hash is the block's id. The producer's seal lies
// beside it.
//
// A header with a zero Parent begins a branch. A header with a zero Branch belongs to
// the repository's Directory; the hash of the Directory's first header is the lineage.
type Header struct {
	Lineage       Hash // zero in the Directory's own first header
	Branch        Hash // id of the branch that the block was made on
	Height        uint64
	Slot          uint64 // of the engine; 0 with one delegate
	TimeMillis    uint64 // later than the parent's and the absorbed head's
	Parent        Hash
	Absorbed      Hash // head that a merge took in; zero if none
	Directory     Hash // newest Directory block that the block is judged by
	State         Hash // root of the state after the block
	Account       Hash // root of the account after the block
	Entries       Hash // the body
	Tree          Hash // the DTT
	Access        Hash // the access lists; zero when all are derived from the operations
	Receipts      Hash
	Delegates     Hash // of the current delegates
	NextDelegates Hash
	MergeMode     Mode
	Resolver      Hash // resolver that a consistent merge ran; zero if none
	Producer      Identity
	Consensus     []byte // engine's own; empty with one delegate
	Extensions    []Extension
}

// Encode returns the one encoding of h.
func (h *Header) Encode() []byte {
	out := appendRecord(make([]byte, 0, 640), KindHeader, 21)
	out = appendOptional(out, h.Lineage)
	out = appendOptional(out, h.Branch)
	out = AppendUint(out, h.Height)
	out = AppendUint(out, h.Slot)
	out = AppendUint(out, h.TimeMillis)
	out = appendOptional(out, h.Parent)
	out = appendOptional(out, h.Absorbed)
	out = appendOptional(out, h.Directory)
	for _, root := range [...]Hash{h.State, h.Account, h.Entries, h.Tree} {
		out = AppendHash(out, root)
	}
	out = appendOptional(out, h.Access)
	out = AppendHash(out, h.Receipts)
	out = AppendHash(out, h.Delegates)
	out = AppendHash(out, h.NextDelegates)
	out = AppendUint(out, uint64(h.MergeMode))
	out = appendOptional(out, h.Resolver)
	out = appendIdentity(out, h.Producer)
	out = AppendBytes(out, h.Consensus)
	return appendExtensions(out, h.Extensions)
}

// DecodeHeader reads a header.
func DecodeHeader(data []byte) (*Header, error) {
	r := NewReader(data)
	r.record(KindHeader, 21)
	h := &Header{
		Lineage: r.optional(), Branch: r.optional(), Height: r.Uint(), Slot: r.Uint(), TimeMillis: r.Uint(),
		Parent: r.optional(), Absorbed: r.optional(), Directory: r.optional(),
		State: r.Hash(), Account: r.Hash(), Entries: r.Hash(), Tree: r.Hash(), Access: r.optional(), Receipts: r.Hash(),
		Delegates: r.Hash(), NextDelegates: r.Hash(), MergeMode: Mode(r.UintMax(modeCount - 1)), Resolver: r.optional(),
		Producer: r.identity(), Consensus: r.Bytes(MaxConsensusBytes), Extensions: r.extensions(),
	}
	if r.err == nil && h.Parent.IsZero() != (h.Height == 0) {
		r.Fail("height %d with parent %q", h.Height, h.Parent.Short())
	}
	if r.err == nil && h.Lineage.IsZero() && !(h.Branch.IsZero() && h.Parent.IsZero()) {
		r.Fail("no lineage, but branch %q and parent %q", h.Branch.Short(), h.Parent.Short())
	}
	if err := r.finish(KindHeader); err != nil {
		return nil, err
	}
	return h, nil
}
