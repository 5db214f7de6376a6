// Package diagram draws a block's Deterministic Transaction Tree: as a picture in which time runs
// from left to right and each worker has a lane, and as lines of text. It counts and folds
// what is too small to be seen, so that a drawing is bounded whatever the block. It also says in
// which order a history's blocks are drawn.
//
// It draws what repo.Schedule says and looks at no repository; where the lines of text go is
// for its callers to say.
package diagram

import (
	"aergo/contract/table/format"
	"aergo/repo/words"

	rowkey "aergo/repo/state/key"
)

func number(n uint64) string { return words.Number(int64(min(n, 1<<62))) }

func count(n uint64, one, many string) string { return words.Count(int64(min(n, 1<<62)), one, many) }

func transactions(n uint64) string { return count(n, "transaction", "") }

func clean(text string) string { return words.Clean(text) }

func rowName(tableName string, key []rowkey.Component) string {
	return tableName + "/" + format.FormatKey(key)
}
