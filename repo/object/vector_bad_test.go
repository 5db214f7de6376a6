package object_test

import (
	"bytes"
	"strings"

	"aergo/repo/object"
)

// badCase is bytes that no reader may take, why they are bad, and a part of the error
// that says so.
type badCase struct {
	reason string
	data   []byte
	err    string
}

// changed is the encoding of a record after a change that Encode does not notice.
func changed[T any, P record[T]](rec P, change func(P)) []byte {
	twin := *rec
	change(&twin)
	return P(&twin).Encode()
}

// swap replaces the first occurrence of old.
func swap(data, old, new []byte) []byte {
	if !bytes.Contains(data, old) {
		panic("swap: nothing to replace")
	}
	return bytes.Replace(data, old, new, 1)
}

// badCases are the bad golden vectors by the name of their codec: the common ones, made
// from the first good case, and the record's own.
func badCases() map[string][]badCase {
	all := map[string][]badCase{
		"batch": badBatches(), "blob": badBlobs(), "bloblist": badBlobLists(), "body": badBodies(), "chunk": badChunks(),
		"header": badHeaders(), "order": badOrders(), "poolreceipt": badPoolReceipts(), "receipts": badReceipts(), "tag": badTags(),
	}
	for name, good := range goodCases() {
		all[name] = append(badHeads(good[0].record.Encode()), all[name]...)
	}
	return all
}

// badHeads are the common ways to spoil a record.
func badHeads(data []byte) []badCase {
	head, rest := data[0], data[3:] // every record has fewer than 24 elements
	return []badCase{
		{"no bytes", nil, "input ends"},
		{"version 0", append([]byte{head, 0, data[2]}, rest...), "version 0"},
		{"version 2", append([]byte{head, 2, data[2]}, rest...), "version 2"},
		{"unknown kind", append([]byte{head, 1, 0x17}, rest...), "kind 23"},
		{"one field too many", bytes.Join([][]byte{object.AppendArray(nil, int(head&0x1f)+1), data[1:], {0}}, nil), "elements"},
		{"one field announced too few", append([]byte{head - 1}, data[1:]...), "elements"},
		{"array head is not the shortest", append([]byte{0x98, head & 0x1f}, data[1:]...), "not the shortest"},
		{"array of indefinite length", append(append([]byte{0x9f}, data[1:]...), 0xff), "indefinite"},
		{"version is not in the shortest form", append([]byte{head, 0x18, 1}, data[2:]...), "not the shortest"},
		{"last byte missing", data[:len(data)-1], ""},
		{"a byte left over", append(bytes.Clone(data), 0), "left over"},
	}
}

// badExtensions spoils the extensions that end a record. empty is its encoding without
// any, which ends in the empty array.
func badExtensions(empty []byte) []badCase {
	with := func(exts ...byte) []byte { return append(bytes.Clone(empty[:len(empty)-1]), exts...) }
	return []badCase{
		{"extensions out of order", with(0x82, 0x83, 2, 0, 0x40, 0x83, 1, 0, 0x40), "out of order"},
		{"an extension twice", with(0x82, 0x83, 2, 0, 0x40, 0x83, 2, 0, 0x40), "out of order"},
		{"critical is neither 0 nor 1", with(0x81, 0x83, 2, 2, 0x40), "above the limit of 1"},
		{"extension of two elements", with(0x81, 0x82, 2, 0x40, 0x40), "want 3"},
		{"a map for extensions", with(0xa0), "major type 4"},
	}
}

func badBatches() []badCase {
	good := goodBatches()[0].record.(*object.Batch)
	data := good.Encode()
	return append(badExtensions(data),
		badCase{"count is not the sum of the chunks", changed(good, func(b *object.Batch) { b.Count++ }), "chunks hold 17"},
		badCase{"chunk without transactions", changed(good, func(b *object.Batch) { b.Chunks = []object.ChunkRef{{Hash: word("chunk")}} }), "empty"},
		badCase{"chunk of more transactions than a chunk has bytes",
			changed(good, func(b *object.Batch) { b.Chunks = []object.ChunkRef{{Hash: word("chunk"), Count: 1<<20 + 1}} }), "above the limit"},
		badCase{"scope of 32 zero bytes", swap(data, []byte{0x00, 0x40, 0x11}, append(append([]byte{0x00, 0x58, 0x20}, make([]byte, 32)...), 0x11)), "optional hash"},
		badCase{"scope of one byte", swap(data, []byte{0x00, 0x40, 0x11}, []byte{0x00, 0x41, 0xaa, 0x11}), "optional hash"},
		badCase{"message is not UTF-8", changed(good, func(b *object.Batch) { b.Message = "\xff" }), "UTF-8"},
		badCase{"message is a byte string", swap(data, []byte("\x70count"), []byte("\x50count")), "major type 3"},
		badCase{"author's key of 31 bytes", swap(data, append([]byte{0x82, 0x58, 0x20}, wordBytes("key of ada")...),
			append([]byte{0x82, 0x58, 0x1f}, wordBytes("key of ada")[1:]...)), "key of 31 bytes"},
		badCase{"author's name of 257 bytes", changed(good, func(b *object.Batch) { b.Author.Name = strings.Repeat("a", 257) }), "limit of 256"},
		badCase{"more chunks announced than there are bytes", swap(data, []byte{0x81, 0x82, 0x58}, []byte{0x99, 0x60, 0x00, 0x82, 0x58}), "runs past the end"},
	)
}

func badBlobs() []badCase {
	return []badCase{
		{"data is text", []byte{0x83, 1, 7, 0x61, 'a'}, "major type 2"},
		{"data is longer than the input", []byte{0x83, 1, 7, 0x5a, 0x3f, 0xff, 0xff, 0xff}, "runs past the end"},
		{"data in two segments", []byte{0x83, 1, 7, 0x5f, 0x41, 1, 0x41, 2, 0xff}, "indefinite"},
	}
}

func badBlobLists() []badCase {
	good := goodBlobLists()[0].record.(*object.BlobList)
	size := func(n uint64) []byte { return changed(good, func(l *object.BlobList) { l.SizeBytes = n }) }
	return []badCase{
		{"record that fits one object", size(1 << 20), "3 pieces for 1048576 bytes"},
		{"a piece too few", size(3*512<<10 + 1), "3 pieces for 1572865 bytes"},
		{"larger than any record", size(1<<30 + 1), "above the limit"},
		{"a gigabyte without pieces", changed(good, func(l *object.BlobList) { l.SizeBytes, l.Pieces = 1<<30, nil }), "0 pieces"},
		{"2,048 pieces announced, 3 present", swap(good.Encode(), []byte{0x83, 0x58}, []byte{0x99, 0x08, 0x00, 0x58}), "runs past the end"},
	}
}

func badBodies() []badCase {
	good := goodBodies()[2].record.(*object.Body)
	entry := func(change func(e *object.Entry)) []byte {
		e := good.Entries[0]
		e.Runs, e.Excluded = append([]object.Run(nil), e.Runs...), append([]object.Exclusion(nil), e.Excluded...)
		change(&e)
		return (&object.Body{Orders: good.Orders, Entries: []object.Entry{e}}).Encode()
	}
	exclusion := func(change func(x *object.Exclusion)) []byte {
		return entry(func(e *object.Entry) { change(&e.Excluded[0]) })
	}
	runs := func(runs ...object.Run) []byte {
		return entry(func(e *object.Entry) { e.Runs, e.Excluded = runs, nil })
	}
	whole := object.Entry{Batch: word("batch"), Runs: []object.Run{{Count: 1 << 40}}}
	return []badCase{
		{"order that is not in the body", entry(func(e *object.Entry) { e.Order = 2 }), "above the limit of 1"},
		{"entry without runs", runs(), "takes nothing"},
		{"run of none", runs(object.Run{First: 1}), "empty"},
		{"run continues the one before it", runs(object.Run{Count: 2}, object.Run{First: 2, Count: 1}), "continues"},
		{"run past the last possible transaction", runs(object.Run{First: 1 << 40, Count: 1}), "goes beyond"},
		{"runs of more transactions than a batch may have", runs(object.Run{Count: 1 << 40}, object.Run{Count: 1}), "goes beyond"},
		{"entries of more transactions than a block may have", (&object.Body{Entries: []object.Entry{whole, whole}}).Encode(), "more than"},
		{"unknown verdict", runs(object.Run{Count: 1, Verdict: 5}), "above the limit of 4"},
		{"excluded without exclusion", runs(object.Run{Count: 1, Verdict: object.VerdictExcluded}), "not where it belongs"},
		{"a trillion excluded without exclusions", runs(object.Run{Count: 1 << 40, Verdict: object.VerdictExcluded}), "not where it belongs"},
		{"exclusion of a transaction that is not excluded", entry(func(e *object.Entry) { e.Runs = e.Runs[:1] }), "too many"},
		{"exclusions out of order", entry(func(e *object.Entry) { e.Excluded[0], e.Excluded[1] = e.Excluded[1], e.Excluded[0] }), "not where it belongs"},
		{"no reason", exclusion(func(x *object.Exclusion) { x.Reason = object.ReasonNone }), "without a reason"},
		{"unknown reason", exclusion(func(x *object.Exclusion) { x.Reason = 16 }), "above the limit of 15"},
		{"found of 15 bytes", exclusion(func(x *object.Exclusion) { x.Found = make([]byte, 15) }), "15 bytes"},
		{"reason that is not UTF-8", exclusion(func(x *object.Exclusion) { x.Reason, x.Found = object.ReasonResolver, []byte{0xff} }), "not UTF-8"},
		{"inherited without a deciding block", exclusion(func(x *object.Exclusion) { x.Reason = object.ReasonInherited }), "deciding block"},
		{"deciding block without being inherited", exclusion(func(x *object.Exclusion) { x.Block = word("block") }), "deciding block"},
	}
}

func badChunks() []badCase {
	good := goodChunks()[0].record.(*object.Chunk)
	data := good.Encode()
	tx := func(change func(t *object.Transaction)) []byte {
		t := good.Transactions[0]
		change(&t)
		return (&object.Chunk{Transactions: []object.Transaction{t}}).Encode()
	}
	return append(badExtensions(data),
		badCase{"a name twice", changed(good, func(c *object.Chunk) { c.Names = []string{"a", "b", "a"} }), "stands twice"},
		badCase{"name of 257 bytes", changed(good, func(c *object.Chunk) { c.Names = []string{strings.Repeat("a", 257)} }), "limit of 256"},
		badCase{"name is not UTF-8", changed(good, func(c *object.Chunk) { c.Names = []string{"\xc0\xaf"} }), "UTF-8"},
		badCase{"unknown kind of transaction", tx(func(t *object.Transaction) { t.Kind = 4 }), "above the limit of 3"},
		badCase{"fee payer's key of 31 bytes", tx(func(t *object.Transaction) { t.FeePayer = make([]byte, 31) }), "31 bytes"},
		badCase{"fee payer's key of 33 bytes", tx(func(t *object.Transaction) { t.FeePayer = make([]byte, 33) }), "limit of 32"},
		badCase{"transaction of version 2", swap(data, []byte{0x81, 0x86, 1, 0}, []byte{0x81, 0x86, 2, 0}), "transaction version 2"},
		badCase{"transaction of five elements", swap(data, []byte{0x81, 0x86}, []byte{0x81, 0x85}), "array of 5"},
		badCase{"more transactions announced than there are bytes", swap(data, []byte{0x81, 0x86}, []byte{0x9a, 0x00, 0x0f, 0xff, 0xff, 0x86}), "runs past the end"},
	)
}

func badHeaders() []badCase {
	genesis := goodHeaders()[0].record.(*object.Header)
	next := goodHeaders()[2].record.(*object.Header)
	return append(badExtensions(genesis.Encode()),
		badCase{"height without a parent", changed(genesis, func(h *object.Header) { h.Height = 1 }), "height 1"},
		badCase{"parent without a height", changed(next, func(h *object.Header) { h.Height = 0 }), "height 0"},
		badCase{"branch without a lineage", changed(genesis, func(h *object.Header) { h.Branch = word("branch") }), "no lineage"},
		badCase{"parent without a lineage", changed(genesis, func(h *object.Header) { h.Parent, h.Height = word("parent"), 1 }), "no lineage"},
		badCase{"unknown mode", changed(next, func(h *object.Header) { h.MergeMode = 4 }), "above the limit of 3"},
		badCase{"state root is missing", swap(genesis.Encode(), append([]byte{0x58, 0x20}, wordBytes("state")...), []byte{0x40}), "hash of 0 bytes"},
		badCase{"resolver of 32 zero bytes", swap(next.Encode(), wordBytes("resolver"), make([]byte, 32)), "optional hash"},
	)
}

func badOrders() []badCase {
	merge := goodOrders()[0].record.(*object.Order)
	pick := goodOrders()[1].record.(*object.Order)
	items := func(s ...object.Selection) []byte { return changed(pick, func(o *object.Order) { o.Items = s }) }
	return append(badExtensions(merge.Encode()),
		badCase{"merge without a source", changed(merge, func(o *object.Order) { o.Source = object.Hash{} }), "merge order"},
		badCase{"merge with items", changed(merge, func(o *object.Order) { o.Items = pick.Items }), "merge order with 2 items"},
		badCase{"pick without items", items(), "pick order with 0 items"},
		badCase{"pick with a source", changed(pick, func(o *object.Order) { o.Source = word("source") }), "pick order with 2 items"},
		badCase{"pick with a source for items", changed(pick, func(o *object.Order) { o.Source, o.Items = word("source"), nil }), "pick order"},
		badCase{"unknown kind of order", changed(pick, func(o *object.Order) { o.Kind = 4 }), "above the limit of 3"},
		badCase{"unknown mode", changed(pick, func(o *object.Order) { o.Mode = 4 }), "above the limit of 3"},
		badCase{"item of no transactions", items(object.Selection{Batch: word("batch")}), "selects nothing"},
		badCase{"item past the last possible transaction", items(object.Selection{Batch: word("batch"), First: 1<<40 - 1, Count: 2}), "goes beyond"},
	)
}

func badReceipts() []badCase {
	runs := func(runs ...object.ReceiptRun) []byte { return (&object.Receipts{Runs: runs}).Encode() }
	one := object.ReceiptRun{Count: 1}
	return []badCase{
		{"run of none", runs(object.ReceiptRun{}), "empty"},
		{"two runs alike", runs(one, one), "continues"},
		{"unknown verdict", runs(object.ReceiptRun{Count: 1, Receipt: object.Receipt{Verdict: 5}}), "above the limit of 4"},
		{"more transactions than a block may have", runs(one, object.ReceiptRun{Count: 1 << 40, Receipt: object.Receipt{Cost: 1}}), "goes beyond"},
		{"events of 31 bytes", append([]byte{0x83, 1, 10, 0x81, 0x85, 1, 0, 0, 0x58, 31}, append(make([]byte, 31), 0x40)...), "optional hash"},
		{"events of 32 zero bytes", append([]byte{0x83, 1, 10, 0x81, 0x85, 1, 0, 0, 0x58, 32}, append(make([]byte, 32), 0x40)...), "optional hash"},
	}
}

func badPoolReceipts() []badCase {
	first := goodPoolReceipts()[0].record.(*object.PoolReceipt)
	next := goodPoolReceipts()[1].record.(*object.PoolReceipt)
	return append(badExtensions(first.Encode()),
		badCase{"no runs", changed(first, func(p *object.PoolReceipt) { p.Runs = nil }), "promises nothing"},
		badCase{"runs that do not ascend", changed(first, func(p *object.PoolReceipt) { p.Runs = []object.Run{{First: 3, Count: 1}, {First: 0, Count: 1}} }), "does not ascend"},
		badCase{"runs that overlap", changed(first, func(p *object.PoolReceipt) {
			p.Runs = []object.Run{{Count: 2}, {First: 1, Count: 2, Verdict: object.VerdictNoop}}
		}), "does not ascend"},
		badCase{"an exclusion too few", changed(next, func(p *object.PoolReceipt) { p.Excluded = p.Excluded[:1] }), "not where it belongs"},
		badCase{"an exclusion too many", changed(first, func(p *object.PoolReceipt) { p.Excluded = next.Excluded[:1] }), "too many"},
		badCase{"previous of 32 zero bytes", swap(next.Encode(), wordBytes("receipt"), make([]byte, 32)), "optional hash"},
		badCase{"producer's name is not UTF-8", changed(first, func(p *object.PoolReceipt) { p.Producer.Name = "\xff" }), "UTF-8"},
	)
}

func badTags() []badCase {
	good := goodTags()[0].record.(*object.Tag)
	return append(badExtensions(good.Encode()),
		badCase{"name is not UTF-8", changed(good, func(t *object.Tag) { t.Name = "v\x80" }), "UTF-8"},
		badCase{"no block", swap(good.Encode(), append([]byte{0x58, 0x20}, wordBytes("block")...), []byte{0x40}), "hash of 0 bytes"},
		badCase{"tagger without a name", swap(good.Encode(), []byte("\x63ada"), nil), ""},
	)
}
