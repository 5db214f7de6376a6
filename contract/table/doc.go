// Package table is the runtime of table operations: put, insert, replace, del, incr,
// append, remove and define on rows of named fields. It encodes and decodes the payloads of
// transactions, declares what they touch, runs them on a confined view, and turns effects
// into new rows. It also keeps schemas, which are rows themselves, and makes operations for
// authors, with the preconditions that what they see implies.
//
// Rows, operations, access rules and the rules of running stand, each beside its code, in
// row.go, decode.go, declare.go and run.go.
//
// Chosen here where the design is silent:
//
//   - An append or remove takes one element for each field, and treats the list as a set. It
//     has no precondition, so it applies, even if the element is there already. Removing
//     from a field that is missing leaves it missing.
//   - Null is a value: a delta on a null field is excluded for its type.
//   - A schema without columns leaves the table open, so taking all columns away does too.
//     Unsetting a field needs no column. Fields named as a key column have no place in a
//     row. The type of an existing value is never looked at when a schema changes.
//   - A schema constrains types only; declare.go tells why.
//   - A row's size is bounded by its encoding, MaxRowBytes. What a put may do to it is
//     declared as growth (contract.Access), so that sizes are checked without a read.
//
// The package refuses to know blocks, signatures, branches, files and other tables' rows.
// It reads nothing but its view, and neither clock nor environment.
package table
