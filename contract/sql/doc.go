// Package sql runs conflict resolvers: rules in SQL that say what becomes of a cell that
// both sides of a merge have changed. RESOLVERS.md teaches the language.
//
// A source is compiled once (Compile) and run in sessions, one for each worker. A session
// holds an SQLite of its own, inside the process and with an empty database in memory. A
// rule becomes one prepared statement; what it looks at is bound to parameters, so that no
// text of a row is ever read as SQL.
//
// The answer to a case, the fault if there is one, and the number of steps depend on the
// resolver, the case and the version of SQLite alone, not on the machine, the clock or what
// the session ran before. So every verifier comes to the same. What makes it so:
//
//   - An allow-list (limits.go) of pure functions, checked by SQLite's authoriser when a
//     statement is compiled. There is nothing to read but the case and the elements of JSON
//     in it; nothing can be written.
//   - Steps (MaxSteps) are SQLite's instructions, counted by itself, and more for functions
//     whose work the instructions do not tell. SQLite is stopped when they are out, within
//     a thousand steps; the count then decides, not the moment.
//   - The longest value is bounded by what the rule looks at, and the steps by that length,
//     so that time and memory are bounded by their product. The limit on memory is a guard
//     behind this; a session that meets it is dropped and begins anew.
//   - A source is bounded in length, rules, words, SELECTs, depth, and in the copies that
//     names given by WITH come to, so that compiling it is bounded too.
//
// Values go in and out as follows. Null and absent are NULL; bools are 0 and 1; integers of
// 64 bits are INTEGER; decimals and longer integers are TEXT of their canonical digits; text
// is TEXT; bytes are BLOB; lists are TEXT of their JSON. An answer that equals what the rule
// saw of ours, theirs or base is that value; any other is read as the kind of ours, else of
// theirs, else of base. NULL is an answer only where ours or theirs is NULL. Floating point
// is refused in a source, as an argument of this package's functions and as an answer, an
// integer that overflows among them; a decimal that stands beside an operator for integers
// is refused where it is bound.
//
// The package refuses to know merges, branches, schemas and where resolvers are stored. It
// opens no file, and does nothing before the first Compile or Resolve.
package sql
