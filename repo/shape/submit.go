package shape

import (
	"encoding/hex"
	"time"

	"aergo/repo"
	"aergo/repo/object"
)

// Submitted is what became of a batch that was submitted.
type Submitted struct {
	Branch   string       `json:"branch"`
	Batch    object.Hash  `json:"batch"`
	State    string       `json:"state"`   // accepted, sealed, refused or taken-back
	Applied  uint64       `json:"applied"` // no-ops and resolved ones too
	Excluded []Exclusion  `json:"excluded"`
	Block    *object.Hash `json:"block"` // that has decided
	Height   uint64       `json:"height"`
	Changed  bool         `json:"changed"` // from what the receipt says
	Refusal  string       `json:"refusal"` // why no block will have it
	Receipt  *PoolReceipt `json:"receipt"` // null if it is not known any more
}

// PoolReceipt is a signed receipt: what it says, and the bytes that prove it.
type PoolReceipt struct {
	ID       object.Hash  `json:"id"`
	Base     object.Hash  `json:"base"` // the head that the batch ran on
	Height   uint64       `json:"height"`
	Position uint64       `json:"position"` // how many batches ran before it on that head
	Previous *object.Hash `json:"previous"` // the receipt before it
	Applied  uint64       `json:"applied"`
	Excluded []Exclusion  `json:"excluded"`
	Time     time.Time    `json:"time"`
	Producer string       `json:"producer"`
	Key      string       `json:"key"` // of the producer
	Record   string       `json:"record"`
	Seal     string       `json:"seal"`
}

// OfSubmitted is the shape of what became of a batch.
func OfSubmitted(s repo.Submitted) Submitted {
	runs, _ := s.Verdicts()
	out := Submitted{
		Branch: string(s.Branch), Batch: s.Batch, State: string(s.State), Applied: applied(runs), Excluded: OfExclusions(s.Exclusions()),
		Block: Optional(s.Block), Height: s.Height, Changed: s.Changed, Refusal: s.Refusal,
	}
	if s.Receipt != nil {
		out.Receipt = ofReceipt(s)
	}
	return out
}

func ofReceipt(s repo.Submitted) *PoolReceipt {
	r := s.Receipt
	promised := repo.Submitted{Batch: s.Batch, State: repo.SubmissionAccepted, Receipt: r}
	return &PoolReceipt{
		ID: r.ID, Base: r.Base.Block, Height: r.Base.Height, Position: r.Position, Previous: Optional(r.Previous),
		Applied: applied(r.Runs), Excluded: OfExclusions(promised.Exclusions()), Time: time.UnixMilli(int64(min(r.TimeMillis, 1<<53))).UTC(),
		Producer: r.Producer.Name, Key: PublicKey(r.Producer), Record: hex.EncodeToString(r.Record), Seal: hex.EncodeToString(r.Seal[:]),
	}
}

// applied counts the transactions that count as applied.
func applied(runs []object.Run) uint64 {
	var n uint64
	for _, run := range runs {
		if run.Verdict.Applied() {
			n += run.Count
		}
	}
	return n
}
