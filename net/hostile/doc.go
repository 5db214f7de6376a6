// Package hostile holds tests of what peers do who mean no good: blocks and batches that break
// one rule each, signatures that are used again elsewhere, every right by every key, floods,
// and sources that send without end. They go in by the doors that peers have: a fetch, a push,
// a stream. The package itself is empty.
package hostile
