// Package format reads and writes tables as CSV, JSON and JSON lines, reads operations as
// JSON lines, and parses the keys and fields of a command line.
//
// # CSV
//
// As in RFC 4180: commas, double quotes, UTF-8, a header line with the columns' names. Lines
// end in \n or \r\n; blank lines are skipped; a byte order mark in front is skipped. A quote
// may only begin or end a cell, or stand doubled inside a quoted one. What a quoted cell
// holds is kept byte by byte, line ends and all. A column is named by the field's name as
// it is, so nested fields are columns like name.first.
//
// A column's type is stated, or inferred over the whole column (see table.ColumnGuess).
// Cells are values in plain form (see value.ParsePlain). Without a null word an empty cell
// is an empty text. With one, a cell that is exactly the word and not quoted is null; the
// empty word is allowed, and then only a quoted empty cell is an empty text. Every row
// read from CSV has all fields.
//
// The writer puts the key's columns first, quotes only what must be quoted, and ends lines
// in \n: what such a file held, sorted by key, comes back byte by byte. CSV does not tell a
// missing field from an empty text or, without a null word, from null; JSON does.
//
// # JSON
//
// A file is one array of objects, or JSON lines with one object each; the first character
// tells which. An object is a plain row, whose key fields are named by the caller, or
// {"key":K,"fields":{...}} as the JSON lines writer makes it. The first object decides
// for the file: it is of the second form if its members are exactly these two and fields
// holds an object, unless the caller says otherwise.
//
// Numbers are exact, null is null, a missing member is a missing field, arrays are one
// value, and nested objects are fields named by path (see value.ParseJSONObject). Members
// stand once. The writers give the nesting back, members ascending by path.
//
// # Keys
//
// A key's component is text or an integer; bytes where the type is stated. In a plain row a
// JSON number is an integer and a string is text. K is a string, or an array of strings
// for a composite key, and says nothing of types: integers are written as strings too. So
// components in K are typed like CSV cells: by the stated type, or inferred over the
// whole column. A number is accepted in K and is an integer. Bytes are {"$bytes":"base64"}.
//
// In operations and on the command line, where there is no column to infer from, a
// component is of the type that the schema states; without one a JSON number is an integer
// and everything else is text.
//
// # Errors and limits
//
// What is wrong in the input is reported as an *Error with line and column, both from 1. In
// CSV the column is the cell's number and bears its name; in JSON it counts characters. The
// limits are constants of this package, of table, value and key, and are checked before
// memory is spent on what exceeds them.
//
// The package knows values, keys and rows. It refuses to open files, to read state, and to
// guess at separators, encodings or dates.
package format
