package gateway

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"aergo/contract/table/format"
	"aergo/repo"
	"aergo/repo/shape"
	rowkey "aergo/repo/state/key"
	"aergo/repo/words"
)

// found is something that a search leads to.
type found struct {
	What, Name, Link, Note string
}

type searchMain struct {
	Query string
	Found []found
	More  bool // there is more than is listed
}

// Limits of a search.
const (
	maxFound       = 100
	maxFoundTables = 200
	foundPerTable  = 5
	maxSearchBytes = 1 << 10
)

// searchPage looks for the beginning of a hash, a transaction, a branch, a tag or a table by
// name, and rows by the beginning of their keys.
func (v *visit) searchPage() (answer, error) {
	a, err := v.beginPage()
	if err != nil {
		return a, err
	}
	q := strings.TrimSpace(v.query["q"])
	if len(q) > maxSearchBytes {
		return answer{}, usage("that is too long to look for")
	}
	m := searchMain{Query: q}
	if q != "" {
		if err := v.searchNames(&m); err != nil {
			return answer{}, err
		}
		if err := v.searchRows(&m); err != nil {
			return answer{}, err
		}
	}
	return v.render(a, "search", frame{Title: "Search", Query: q, Main: m})
}

func (m *searchMain) add(f found) {
	if len(m.Found) == maxFound {
		m.More = true
		return
	}
	m.Found = append(m.Found, f)
}

func (v *visit) searchNames(m *searchMain) error {
	lower := strings.ToLower(m.Query)
	if s, err := v.story(lower); err == nil {
		m.add(found{"transaction", s.Transaction.String(), link(v.name, "tx", "tx", shape.TxID(s.Transaction)), words.FirstLine(s.Message)})
	} else if isBroken(err) {
		return err
	}
	if len(lower) >= 4 && strings.Trim(lower, "0123456789abcdef") == "" {
		b, err := v.block(lower)
		if err == nil {
			shownBlock, err := v.repo.Show(v.ctx, b.ID.String())
			if err != nil {
				return err
			}
			m.add(found{"block", b.ID.Short(), link(v.name, "block", "rev", b.ID.String()), words.FirstLine(messageOf(shownBlock))})
		} else if isBroken(err) {
			return err
		}
	}
	for _, b := range v.branches {
		if strings.Contains(strings.ToLower(string(b.Name)), lower) {
			m.add(found{"branch", string(b.Name), link(v.name, "history", "rev", string(b.Name)), ""})
		}
	}
	for _, t := range v.tags {
		if strings.Contains(strings.ToLower(string(t.Name)), lower) {
			m.add(found{"tag", string(t.Name), link(v.name, "block", "rev", string(t.Name)), ""})
		}
	}
	return nil
}

// isBroken says whether an error is more than that something is not there.
func isBroken(err error) bool {
	return !errors.Is(err, repo.ErrNoRevision) && !errors.Is(err, repo.ErrAmbiguous) && !errors.Is(err, repo.ErrNothing)
}

func (v *visit) searchRows(m *searchMain) error {
	head, err := v.block(v.homeRevision())
	if err != nil {
		return err
	}
	at := head.ID.String()
	tables, err := v.repo.Tables(v.ctx, at)
	if err != nil {
		return err
	}
	tableName, key, both := strings.Cut(m.Query, "/")
	for i, t := range tables {
		if i == maxFoundTables {
			m.More = true
			break
		}
		if strings.Contains(strings.ToLower(t.Name), strings.ToLower(m.Query)) {
			m.add(found{"table", t.Name, link(v.name, "table", "table", t.Name), words.Count(int64(min(t.Rows, 1<<62)), "row", "")})
		}
		keys := spellings(m.Query)
		if both && t.Name == tableName {
			keys = append(keys, key)
		}
		for _, k := range keys {
			if err := v.searchTable(v.ctx, m, t.Name, k, at); err != nil {
				return err
			}
		}
	}
	return nil
}

// spellings are a text as it is, and with its first letter the other way.
func spellings(text string) []string {
	first, size := utf8.DecodeRuneInString(text)
	other := unicode.ToUpper(first)
	if other == first {
		other = unicode.ToLower(first)
	}
	if other == first {
		return []string{text}
	}
	return []string{text, string(other) + text[size:]}
}

// searchTable adds rows whose key, or its first column, begins with a text.
func (v *visit) searchTable(ctx context.Context, m *searchMain, tableName, key, at string) error {
	schema, err := v.repo.Schema(ctx, tableName, at)
	if err != nil {
		return err
	}
	comps, err := format.ParseKey(key, keyTypes(schema))
	if err != nil {
		return nil // no key of this table
	}
	from, err := rowkey.Encode(comps...)
	if err != nil {
		return nil
	}
	n := 0
	var hits []found
	err = v.repo.RowsFrom(ctx, tableName, at, from, func(row repo.Row) error {
		comps, err := rowkey.Decode(row.Tuple)
		if err != nil {
			return err
		}
		text := format.FormatKey(comps)
		begins := strings.HasPrefix(text, key) || strings.HasPrefix(comps[0].String(), key)
		if !begins && !slices.Equal(row.Tuple, from) || n == foundPerTable {
			return errFull
		}
		n++
		hits = append(hits, found{"row", tableName + "/" + text, link(v.name, "row", "table", tableName, "key", text), ""})
		return nil
	})
	for _, h := range hits {
		m.add(h)
	}
	if errors.Is(err, errFull) {
		return nil
	}
	return err
}
