// Package multicodec carries a small piece of real history into the program: the table of
// multiformats codes as it stood on 9 June 2019, when three pull requests were under way,
// and on 28 July 2019, when all were in. README.md tells where the data comes from.
//
// The package holds bytes and knows nothing of their meaning.
package multicodec

import _ "embed" // for the files below

// Before is the table, in CSV with a header, at commit 785b336b: the last one before the
// branches that add zeronet, json and messagepack.
//
//go:embed demo/before.csv
var Before []byte

// After is the table at commit 85724e97, after the three were merged by hand.
//
//go:embed demo/after.csv
var After []byte
