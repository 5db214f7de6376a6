package consensus

import (
	"aergo/repo/key"
	"aergo/repo/object"
)

// Engine orders blocks. It is not safe for concurrent use.
type Engine interface {
	// Step takes one input and returns what follows from it, in the order in which it is
	// to be done. It keeps neither the input's slices beyond what it documents nor the
	// outputs. Bad input from other nodes is ignored.
	Step(Input) []Output
	// Status says where the engine stands.
	Status() Status
}

// Status is where an engine stands.
type Status struct {
	Head        object.Hash // the block that the next one is built on
	HeadHeight  uint64
	HeadSlot    uint64
	Final       object.Hash // never taken back
	FinalHeight uint64
}

// Signer signs for one delegate. A key.Private is one.
type Signer interface {
	Public() key.Public
	Sign(d key.Domain, lineage, id object.Hash) key.Signature
}

// Verifier checks one signature. A *key.Cache is one.
type Verifier interface {
	Verify(pub key.Public, d key.Domain, lineage, id object.Hash, sig key.Signature) error
}

// Peer names another node for as long as a connection lasts. Peer 0 is everyone.
type Peer uint32

// Everyone is the peer that stands for all others.
const Everyone Peer = 0

// Record is what an engine wants kept. New engines take those that survived, in order.
type Record struct {
	Kind RecordKind
	Data []byte
}

// RecordKind says what a Record holds.
type RecordKind uint8

// The kinds of record. Of promises only the last one counts; a keeper may forget the rest.
const (
	RecordBlock   RecordKind = 1 // Block.Encode
	RecordPromise RecordKind = 2 // the engine's own
)

// Input is one thing that happens to an engine.
type Input interface{ input() }

// Tick tells the time, in milliseconds since 1970. Ticks come at least four times a slot.
type Tick struct{ NowMillis uint64 }

// Received brings a message of another node. The engine trusts nothing about it.
type Received struct {
	From    Peer
	Message Message
}

// Synced says that all writes up to this number will survive a crash.
type Synced struct{ Write uint64 }

// Built answers a Produce: Raw is the record of Produce.Header with Content and Operations
// filled in, Body what Operations is the hash of. The engine keeps both.
type Built struct{ Raw, Body []byte }

// Executed answers an Execute.
type Executed struct {
	ID    object.Hash
	Valid bool
}

func (Tick) input()     {}
func (Received) input() {}
func (Synced) input()   {}
func (Built) input()    {}
func (Executed) input() {}

// Output is one thing that an engine wants done, or found out.
type Output interface{ output() }

// Write asks to append a record. Writes are numbered from 1 and survive in order: a crash
// loses a tail of those that were not synced. The driver syncs soon and says Synced.
type Write struct {
	Number uint64
	Record Record
}

// Send asks to send a message. It may be lost, delayed or doubled.
type Send struct {
	To      Peer
	Message Message
}

// Produce asks for a block in the slot that has begun. The driver answers with Built, or
// not at all. Body is the operations on delegates that the engine itself wants in the
// block; the driver may add others.
type Produce struct {
	Header Header // without Content and Operations
	Body   []byte
}

// Execute asks to check the content of a block on top of its parent's, which is executed.
// No block becomes the head before the driver has answered with Executed.
type Execute struct{ Block *Block }

// HeadChanged says that the next block will be built on this one. It may be on another
// branch of the chain than the last head, but always descends from the last final block.
type HeadChanged struct {
	ID     object.Hash
	Height uint64
}

// Finalised says that a block and all before it will never be taken back.
type Finalised struct {
	ID     object.Hash
	Height uint64
}

// Convicted says that a delegate signed two headers that contradict each other.
type Convicted struct{ Evidence Evidence }

// Certified says that a certificate for a final block is complete. Its form is the engine's.
type Certified struct {
	ID          object.Hash
	Height      uint64
	Certificate []byte
}

func (Write) output()       {}
func (Send) output()        {}
func (Produce) output()     {}
func (Execute) output()     {}
func (HeadChanged) output() {}
func (Finalised) output()   {}
func (Convicted) output()   {}
func (Certified) output()   {}

// Message is what engines say to each other.
type Message interface{ message() }

// Announce carries blocks, parents before children.
type Announce struct{ Blocks []*Block }

// Want asks for the block named ID and those before it that the sender lacks; at most as
// many as one Announce holds, the lowest first.
type Want struct {
	ID   object.Hash
	Have []object.Hash // blocks that the sender has, newest first, ever farther apart
}

// Standing tells where a node stands, so that what a network loses is pulled.
type Standing struct {
	Head  object.Hash
	Final uint64       // height
	Vote  *Attestation // the sender's newest; nil if none
}

// Attestation is one delegate's signature under a final block. A certificate is made of
// these.
type Attestation struct {
	Height    uint64
	ID        object.Hash
	Delegates object.Hash // of the set that made the block final
	Signer    key.Public
	Signature key.Signature
}

// Accuse carries evidence.
type Accuse struct{ Evidence Evidence }

func (Announce) message()    {}
func (Want) message()        {}
func (Standing) message()    {}
func (Attestation) message() {}
func (Accuse) message()      {}

// Evidence is two headers under the seals of one delegate, who contradicts itself by them.
type Evidence struct{ A, B Sealed }

// Sealed is a header as it was sealed.
type Sealed struct {
	Raw  []byte
	Seal key.Signature
}
