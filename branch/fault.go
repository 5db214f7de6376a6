package branch

import (
	"errors"

	"aergo/repo/key"
)

// Fault is a word for the rule that a block, or something that came with one, breaks. It is an
// error that wraps ErrInvalid. Words are part of what programs rely on: they go over the wire
// and stand in what is printed as JSON. docs/faults.md lists them.
type Fault string

// Faults of headers.
const (
	FaultExtension         Fault = "extension"
	FaultExtensionForm     Fault = "extension-form"
	FaultLineage           Fault = "lineage"
	FaultReserved          Fault = "reserved"
	FaultResolver          Fault = "resolver"
	FaultHeight            Fault = "height"
	FaultTime              Fault = "time"
	FaultAbsorbedTime      Fault = "absorbed-time"
	FaultAbsorbedDirectory Fault = "absorbed-directory"
	FaultParent            Fault = "parent"
	FaultProducer          Fault = "producer"
	FaultDelegates         Fault = "delegates"
	FaultNextDelegates     Fault = "next-delegates"
	FaultCitation          Fault = "citation"
	FaultCitationBack      Fault = "citation-back"
	FaultSeal              Fault = "seal"
	FaultFounding          Fault = "founding"
	FaultGrounds           Fault = "grounds"
)

// Faults of what a header says that a block leads to.
const (
	FaultStateRoot   Fault = "state-root"
	FaultAccountRoot Fault = "account-root"
	FaultReceipts    Fault = "receipts"
	FaultUndecided   Fault = "undecided"
	FaultLogic       Fault = "merge-logic"
)

// Faults of the tree by which a block runs.
const (
	FaultTree          Fault = "tree"
	FaultTreeLength    Fault = "tree-length"
	FaultTreeStage     Fault = "tree-stage"
	FaultTreeConflict  Fault = "tree-hides-conflict"
	FaultTreeCut       Fault = "tree-cut"
	FaultTreeCutFailed Fault = "tree-cut-value"
)

// Faults of what a block takes.
const (
	FaultEntrySplit      Fault = "entry-split"
	FaultEntryForm       Fault = "entry-form"
	FaultNoTransaction   Fault = "no-transaction"
	FaultTwice           Fault = "twice"
	FaultDecided         Fault = "already-decided"
	FaultNotExcluded     Fault = "not-excluded"
	FaultVerdict         Fault = "verdict"
	FaultVerdictOrder    Fault = "verdict-order"
	FaultVerdictSource   Fault = "verdict-source"
	FaultExclusion       Fault = "exclusion-reason"
	FaultInherited       Fault = "inherited"
	FaultInheritedReason Fault = "inherited-reason"
	FaultInheritedBlock  Fault = "inherited-block"
	FaultRevoked         Fault = "revoked"
)

// Faults of orders.
const (
	FaultOrderTwice     Fault = "order-twice"
	FaultOrderSource    Fault = "order-second-source"
	FaultOrderMissing   Fault = "order-missing"
	FaultOrderAbsorbed  Fault = "order-absorbed"
	FaultOrderExtension Fault = "order-extension"
	FaultOrderLineage   Fault = "order-lineage"
	FaultOrderBranch    Fault = "order-branch"
	FaultOrderDirectory Fault = "order-directory"
	FaultOrderSigner    Fault = "order-signer"
	FaultOrderExpired   Fault = "order-expired"
	FaultOrderMode      Fault = "order-mode"
	FaultOrderWindow    Fault = "order-window"
	FaultOrderMark      Fault = "order-mark"
	FaultOrderItems     Fault = "order-items"
	FaultOrderSize      Fault = "order-size"
	FaultOrderSeal      Fault = "order-signature"
)

// Faults of batches.
const (
	FaultBatchLineage   Fault = "batch-lineage"
	FaultBatchExtension Fault = "batch-extension"
	FaultBatchMark      Fault = "batch-mark"
	FaultBatchExpired   Fault = "batch-expired"
	FaultBatchScope     Fault = "batch-scope"
	FaultBatchWindow    Fault = "batch-window"
	FaultBatchElsewhere Fault = "batch-mark-branch"
	FaultBatchAuthor    Fault = "batch-author"
	FaultBatchSize      Fault = "batch-size"
	FaultBatchSeal      Fault = "batch-signature"
	FaultChunk          Fault = "chunk"
	FaultChunkCount     Fault = "chunk-count"
)

// Faults of blocks of a Directory.
const (
	FaultDirectoryForm     Fault = "directory-form"
	FaultDirectoryProducer Fault = "directory-producer"
	FaultDirectorySize     Fault = "directory-size"
	FaultDirectoryScope    Fault = "directory-scope"
	FaultDirectoryAuthor   Fault = "directory-author"
	FaultDirectoryRows     Fault = "directory-rows"
	FaultDirectoryRule     Fault = "directory-rule"
	FaultGenesis           Fault = "genesis"
)

// Faults of objects that came from elsewhere.
const (
	FaultKind        Fault = "kind"
	FaultHash        Fault = "hash"
	FaultMissing     Fault = "missing"
	FaultHeader      Fault = "header-record"
	FaultBody        Fault = "body-record"
	FaultOrder       Fault = "order-record"
	FaultBatch       Fault = "batch-record"
	FaultChunkRecord Fault = "chunk-record"
	FaultTreeRecord  Fault = "tree-record"
	FaultNode        Fault = "node-record"
	FaultPieces      Fault = "pieces"
	FaultTag         Fault = "tag"
	FaultTagSeal     Fault = "tag-signature"
	FaultTagRecord   Fault = "tag-record"
	FaultReceipt     Fault = "receipt"
	FaultReceiptSeal Fault = "receipt-signature"
)

// Error returns what is true of every fault; what is particular stands behind it.
func (f Fault) Error() string { return ErrInvalid.Error() }

// Unwrap makes errors.Is find ErrInvalid.
func (f Fault) Unwrap() error { return ErrInvalid }

// Of gives an error of another kind, such as object.ErrMalformed, the fault as its word, and
// changes nothing else of it; nil stays nil, and an error that has a fault keeps it.
func (f Fault) Of(err error) error {
	if err == nil || FaultOf(err) != "" {
		return err
	}
	return &faultyError{f, err}
}

// faultyError is an error of another kind that has a fault.
type faultyError struct {
	fault Fault
	err   error
}

func (e *faultyError) Error() string { return e.err.Error() }
func (e *faultyError) Unwrap() error { return e.err }

// As gives away the fault.
func (e *faultyError) As(target any) bool {
	f, ok := target.(*Fault)
	if ok {
		*f = e.fault
	}
	return ok
}

// FaultOf returns the fault of an error, the outermost if it has several, or none.
func FaultOf(err error) Fault {
	var f Fault
	_ = errors.As(err, &f) // otherwise it stays empty
	return f
}

// SignatureFault returns the fault of a bad signature in a domain.
func SignatureFault(d key.Domain) Fault {
	switch d {
	case key.DomainBatch:
		return FaultBatchSeal
	case key.DomainOrder:
		return FaultOrderSeal
	case key.DomainTag:
		return FaultTagSeal
	case key.DomainPoolReceipt:
		return FaultReceiptSeal
	}
	return FaultSeal
}
