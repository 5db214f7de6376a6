package object_test

import (
	"math"

	"aergo/repo/object"
)

// word is a hash that is easy to find again: that of a word.
func word(s string) object.Hash { return object.Sum([]byte(s)) }

func wordBytes(s string) []byte { h := word(s); return h[:] }

func ada() object.Identity { return object.Identity{Key: word("key of ada"), Name: "ada"} }

func someExtensions() []object.Extension {
	return []object.Extension{{ID: 1, Data: []byte("ignored")}, {ID: 300, Critical: true}}
}

type goodCase struct {
	name   string
	record encoder
}

// goodCases are the records of the golden vectors, by the name of their codec.
func goodCases() map[string][]goodCase {
	return map[string][]goodCase{
		"batch": goodBatches(), "blob": goodBlobs(), "bloblist": goodBlobLists(), "body": goodBodies(), "chunk": goodChunks(),
		"header": goodHeaders(), "order": goodOrders(), "poolreceipt": goodPoolReceipts(), "receipts": goodReceipts(), "tag": goodTags(),
	}
}

func goodBatches() []goodCase {
	return []goodCase{
		{"one chunk", &object.Batch{
			Lineage: word("lineage"), Author: ada(), Message: "count the apples", TimeMillis: 1_700_000_000_000,
			Mark: object.Mark{Block: word("block"), Height: 7}, Count: 17,
			Chunks: []object.ChunkRef{{Hash: word("chunk"), Count: 17}},
		}},
		{"all fields", &object.Batch{
			Lineage: word("lineage"), Author: object.Identity{Key: word("key of bea"), Name: "bea@grün.example"},
			Message: "two\nlines", TimeMillis: 1_700_000_000_001, Mark: object.Mark{Block: word("block"), Height: 1 << 33},
			Expiry: 65_536, Scope: word("branch"), Count: 1_000_000,
			Chunks:     []object.ChunkRef{{Hash: word("chunk 1"), Count: 999_999}, {Hash: word("chunk 2"), Count: 1}},
			Extensions: someExtensions(),
		}},
		{"nothing in it", &object.Batch{Lineage: word("lineage"), Author: object.Identity{Key: word("key of ada")}, Mark: object.Mark{Block: word("block")}}},
		{"largest integers", &object.Batch{
			Lineage: word("lineage"), Author: ada(), TimeMillis: math.MaxUint64, Expiry: math.MaxUint64,
			Mark: object.Mark{Block: word("block"), Height: math.MaxUint64},
		}},
	}
}

func goodBlobs() []goodCase {
	return []goodCase{
		{"empty", &object.Blob{}},
		{"short", &object.Blob{Data: []byte("a value")}},
		{"two-byte head", &object.Blob{Data: make([]byte, 300)}},
	}
}

func goodBlobLists() []goodCase {
	return []goodCase{
		{"one byte more than an object", &object.BlobList{
			SizeBytes: 1<<20 + 1, Pieces: []object.Hash{word("piece 0"), word("piece 1"), word("piece 2")},
		}},
		{"pieces all full and equal", &object.BlobList{
			SizeBytes: 3 * 512 << 10, Pieces: []object.Hash{word("piece"), word("piece"), word("piece")},
		}},
	}
}

func goodBodies() []goodCase {
	return []goodCase{
		{"empty", &object.Body{}},
		{"a million rows applied", &object.Body{Entries: []object.Entry{
			{Batch: word("batch"), Runs: []object.Run{{Count: 1_000_000}}},
		}}},
		{"a merge", &object.Body{
			Orders: []object.Hash{word("order")},
			Entries: []object.Entry{
				{Batch: word("batch 1"), Order: 1, Runs: []object.Run{
					{First: 0, Count: 3}, {First: 3, Count: 2, Verdict: object.VerdictExcluded}, {First: 5, Count: 1, Verdict: object.VerdictNoop},
				}, Excluded: []object.Exclusion{
					{Index: 3, Reason: object.ReasonFieldChanged, Op: 1, Key: []byte("row"), Field: "price", Found: wordBytes("found")[:object.FoundSize]},
					{Index: 4, Reason: object.ReasonInherited, Block: word("deciding block")},
				}},
				{Batch: word("batch 2"), Order: 1, Runs: []object.Run{
					{First: 9, Count: 1, Verdict: object.VerdictResolved}, {First: 4, Count: 1, Verdict: object.VerdictDropped}, {First: 5, Count: 1},
				}},
			},
		}},
	}
}

func goodChunks() []goodCase {
	return []goodCase{
		{"one transaction", &object.Chunk{
			Names: []string{"fruit", "count"}, Transactions: []object.Transaction{{Payload: []byte{0x81, 0x00}}},
		}},
		{"every kind and field", &object.Chunk{
			Names: []string{"", "grün"},
			Transactions: []object.Transaction{
				{Kind: object.TransactionOperations, Payload: []byte{1}, CostLimit: 1000},
				{Kind: object.TransactionCall, Payload: []byte{2}, FeePayer: wordBytes("key of ada")},
				{Kind: object.TransactionEndorsed, Extensions: someExtensions()},
				{Kind: object.TransactionMessage, CostLimit: math.MaxUint64},
			},
		}},
		{"empty", &object.Chunk{}},
	}
}

func goodHeaders() []goodCase {
	roots := object.Header{
		State: word("state"), Account: word("account"), Entries: word("entries"), Tree: word("tree"), Receipts: word("receipts"),
		Delegates: word("delegates"), NextDelegates: word("next delegates"), Producer: ada(), TimeMillis: 1_700_000_000_000,
	}
	genesis, first, next := roots, roots, roots
	first.Lineage, first.Branch, first.Directory = word("lineage"), word("branch"), word("lineage")
	next.Lineage, next.Branch, next.Directory = word("lineage"), word("branch"), word("directory")
	next.Height, next.Slot, next.Parent, next.Absorbed = 24, 25, word("parent"), word("absorbed")
	next.Access, next.MergeMode, next.Resolver = word("access"), object.ModeResolve, word("resolver")
	next.Consensus, next.Extensions = []byte{1, 2, 3}, someExtensions()
	return []goodCase{{"first of a Directory", &genesis}, {"first of a branch", &first}, {"a merge with all fields", &next}}
}

func goodOrders() []goodCase {
	base := object.Order{
		Lineage: word("lineage"), Signer: ada(), Branch: word("branch"), Message: "merge work", TimeMillis: 1_700_000_000_000,
		Mark: object.Mark{Block: word("block"), Height: 7},
	}
	merge, pick, replay, drop := base, base, base, base
	merge.Source = word("source")
	pick.Kind, pick.Items, pick.Mode = object.OrderPick, []object.Selection{{Batch: word("batch 1"), First: 0, Count: 1}, {Batch: word("batch 2"), First: 70_000, Count: 24}}, object.ModeTheirs
	replay.Kind, replay.Items, replay.Mode = object.OrderReplay, []object.Selection{{Batch: word("batch"), First: 3, Count: 1}}, object.ModeResolve
	drop.Kind, drop.Items, drop.Expiry, drop.Extensions = object.OrderDrop, []object.Selection{{Batch: word("batch"), First: 1<<40 - 1, Count: 1}}, 900, someExtensions()
	return []goodCase{{"merge", &merge}, {"pick", &pick}, {"replay", &replay}, {"drop of the last possible transaction", &drop}}
}

func goodReceipts() []goodCase {
	return []goodCase{
		{"none", &object.Receipts{}},
		{"a million alike", &object.Receipts{Runs: []object.ReceiptRun{{Count: 1_000_000, Receipt: object.Receipt{Cost: 12}}}}},
		{"every verdict", &object.Receipts{Runs: []object.ReceiptRun{
			{Count: 1, Receipt: object.Receipt{Verdict: object.VerdictApplied, Cost: 12, Events: word("events")}},
			{Count: 1, Receipt: object.Receipt{Verdict: object.VerdictNoop, Cost: 12, Result: word("result")}},
			{Count: 2, Receipt: object.Receipt{Verdict: object.VerdictResolved, Cost: math.MaxUint64}},
			{Count: 3, Receipt: object.Receipt{Verdict: object.VerdictExcluded, Cost: 7}},
			{Count: 4, Receipt: object.Receipt{Verdict: object.VerdictDropped}},
		}}},
	}
}

func goodPoolReceipts() []goodCase {
	base := object.PoolReceipt{
		Lineage: word("lineage"), Branch: word("branch"), Base: object.Mark{Block: word("block"), Height: 7}, Batch: word("batch"),
		Runs: []object.Run{{Count: 17}}, TimeMillis: 1_700_000_000_000, Producer: ada(),
	}
	first, next := base, base
	next.Position, next.Previous, next.Extensions = 24, word("receipt"), someExtensions()
	next.Runs = []object.Run{{First: 1, Count: 2}, {First: 3, Count: 2, Verdict: object.VerdictExcluded}, {First: 9, Count: 1, Verdict: object.VerdictNoop}}
	next.Excluded = []object.Exclusion{
		{Index: 3, Reason: object.ReasonFieldChanged, Op: 1, Key: []byte("key"), Field: "balance", Found: wordBytes("found")[:object.FoundSize]},
		{Index: 4, Reason: object.ReasonMalformed},
	}
	return []goodCase{{"the first on a head", &first}, {"all fields", &next}}
}

func goodTags() []goodCase {
	return []goodCase{
		{"plain", &object.Tag{Lineage: word("lineage"), Name: "v1.0", Block: word("block"), Tagger: ada(), Message: "first release", TimeMillis: 1_700_000_000_000}},
		{"all fields", &object.Tag{Lineage: word("lineage"), Name: "größer", Block: word("block"), Tagger: ada(), Extensions: someExtensions()}},
	}
}

// branchCase is one branch id of the golden vectors.
type branchCase struct {
	Genesis object.Hash `json:"genesis"`
	Root    object.Hash `json:"root"`
	Name    string      `json:"name"`
	Nonce   uint64      `json:"nonce"`
	Bytes   string      `json:"bytes"`
	ID      object.Hash `json:"id"`
}

func branchCases() []branchCase {
	return []branchCase{
		{Genesis: word("lineage"), Name: "master"},
		{Genesis: word("lineage"), Root: word("block"), Name: "grün"},
		{Genesis: word("lineage"), Root: word("block"), Name: "grün", Nonce: 1},
		{Genesis: word("lineage"), Root: word("block"), Name: "a name of more than twenty-three bytes", Nonce: 1 << 32},
	}
}
