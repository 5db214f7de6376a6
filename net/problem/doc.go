// Package problem is the one place that says what an error means to who asked: the exit code
// of the command line, the word that scripts and clients branch on, the status of an answer
// over HTTP, and a hint with what to try.
//
// An error is of the first Kind whose sentinel it wraps. The identifiers of kinds go over
// the wire, too: net/rpc names by them all sentinels that an error wraps, and the other side
// makes an error that wraps the same.
//
// The package refuses to word errors: what happened is said where it happens.
package problem
