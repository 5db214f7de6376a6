// Package dpos is the core engine: delegates elected by stake take turns at making blocks,
// and their blocks make each other final.
//
// PROTOCOL.md says what the rules are and why. In short: stake votes elect the delegates
// of a term (ledger.go, set.go); a round gives each of them one slot, and one of them a
// second, in an order that follows from values which everybody committed to beforehand and
// reveals one round later (rota.go, onion.go); two fields of every header say which blocks
// its producer votes for, from which everybody counts what is final (votes.go); a chain's
// state after a block is computed from its blocks alone (state.go); who contradicts itself
// is convicted by two headers (evidence.go); signatures gathered under final blocks let
// anyone check them without the chain (certificate.go); and the machine that does all this
// from messages and ticks is in engine.go and the files beside it.
//
// The package refuses to judge who may register, stake or vote: the operations that a
// block holds were authorised when it was executed. It keeps no time, no disk, no network.
package dpos
