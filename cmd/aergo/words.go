package main

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"aergo/cmd/aergo/ui"
	"aergo/contract/table/format"
	"aergo/contract/value"
	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/ref"
	rowkey "aergo/repo/state/key"
	"aergo/repo/words"
)

// count returns a number with its word: count(2, "batch", "batches") is "2 batches".
func count(n uint64, one, many string) string { return ui.Plural(int64(min(n, 1<<62)), one, many) }

func transactions(n uint64) string { return count(n, "transaction", "") }

func number(n uint64) string { return ui.Count(int64(min(n, 1<<62))) }

// rowName is a row as people write it: accounts/ada.
func rowName(table string, key []rowkey.Component) string { return table + "/" + format.FormatKey(key) }

func plain(enc []byte) string { return string(value.AppendPlain(nil, enc)) }

// when is a time in the user's own zone.
func when(t time.Time) string { return t.Local().Format("2006-01-02 15:04") }

func firstLine(message string) string { return words.FirstLine(message) }

// who is an identity for people: the name, and enough of the key to tell namesakes apart.
func who(id object.Identity) string { return fmt.Sprintf("%s (%x)", id.Name, id.Key[:4]) }

// exclusionRowsMax bounds the table of exclusions that a command shows unasked.
const exclusionRowsMax = 20

// printExclusions writes a table of transactions that were left out, at most limit of them
// if limit is above 0, and says how many more there are.
func printExclusions(s *ui.Streams, list []repo.Exclusion, limit int) error {
	t := s.Table(ui.Column{Title: "TX"}, ui.Column{Title: "REASON"}, ui.Column{Title: "TABLE"}, ui.Column{Title: "KEY"}, ui.Column{Title: "FIELD"})
	for i, x := range list {
		if limit > 0 && i == limit {
			break
		}
		key := ""
		if len(x.Key) > 0 {
			key = format.FormatKey(x.Key)
		}
		reason := x.Reason.String()
		if x.Words != "" {
			reason += ": " + ui.Clean(x.Words)
		}
		t.Row(x.Transaction.String(), reason, x.Table, key, x.Field)
	}
	if err := t.Close(); err != nil {
		return err
	}
	if more := len(list) - limit; limit > 0 && more > 0 {
		s.Note("and %s more", number(uint64(more)))
	}
	return nil
}

func sortedNames[V any](m map[ref.Name]V) []ref.Name { return slices.Sorted(maps.Keys(m)) }
