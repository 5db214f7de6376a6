package rpc

import (
	"bytes"
	"encoding/base64"

	"aergo/repo"
)

// Rows come by the million. What follows writes and reads the very JSON that encoding/json
// would, for rows as Rows of the door gives them, in a fraction of the time.

const (
	rowTable  = `{"Table":`
	rowTuple  = `,"Key":null,"Tuple":"`
	rowData   = `","Data":"`
	rowFields = `","Fields":null}`
)

// appendRow appends a row as JSON.
func appendRow(to []byte, row repo.Row) ([]byte, error) {
	if row.Key != nil || row.Fields != nil || row.Tuple == nil || row.Data == nil {
		data, err := encode(row)
		return append(to, data...), err
	}
	to = append(to, rowTable...)
	if isPlain(row.Table) {
		to = append(append(append(to, '"'), row.Table...), '"')
	} else {
		name, err := encode(row.Table)
		if err != nil {
			return to, err
		}
		to = append(to, name...)
	}
	to = append(to, rowTuple...)
	to = base64.StdEncoding.AppendEncode(to, row.Tuple)
	to = append(to, rowData...)
	to = base64.StdEncoding.AppendEncode(to, row.Data)
	return append(to, rowFields...), nil
}

// isPlain says whether text stands in JSON as it is.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// eachRow calls fn for the rows in an array of items.
func eachRow(items []byte, fn func(repo.Row) error) error {
	rows, ok := scanRows(items)
	if !ok {
		rows = nil
		if err := decode(items, &rows); err != nil {
			return err
		}
	}
	for _, row := range rows {
		if err := fn(row); err != nil {
			return err
		}
	}
	return nil
}

// scanRows reads an array of rows as appendRow writes most of them, all of one table. It
// says false for any other: that may be a good array all the same.
func scanRows(items []byte) ([]repo.Row, bool) {
	first, found := bytes.CutPrefix(items, []byte("["+rowTable))
	name, _, named := bytes.Cut(first, []byte(rowTuple))
	if !found || !named {
		return nil, false
	}
	var tableName string
	if decode(name, &tableName) != nil {
		return nil, false
	}
	head := append(append([]byte(rowTable), name...), rowTuple...)
	plain := make([]byte, 0, base64.StdEncoding.DecodedLen(len(items)))
	var rows []repo.Row
	mark := byte('[')
	for rest := items; ; mark = ',' {
		if len(rest) == 1 && rest[0] == ']' && mark == ',' {
			return rows, true
		}
		if len(rest) == 0 || rest[0] != mark {
			return nil, false
		}
		row := repo.Row{Table: tableName}
		var ok bool
		if rest, ok = bytes.CutPrefix(rest[1:], head); !ok {
			return nil, false
		}
		if row.Tuple, plain, rest, ok = scanBytes(rest, rowData, plain); !ok {
			return nil, false
		}
		if row.Data, plain, rest, ok = scanBytes(rest, rowFields, plain); !ok {
			return nil, false
		}
		rows = append(rows, row)
	}
}

// scanBytes reads bytes as base64 up to a mark. It appends them to plain, which has the room.
func scanBytes(from []byte, mark string, plain []byte) (found, all, rest []byte, ok bool) {
	end := bytes.IndexByte(from, '"')
	if end < 0 {
		return nil, plain, from, false
	}
	rest, ok = bytes.CutPrefix(from[end:], []byte(mark))
	if !ok {
		return nil, plain, from, false
	}
	was := len(plain)
	all, err := base64.StdEncoding.AppendDecode(plain, from[:end])
	found = all[was:len(all):len(all)]
	// Line breaks are passed over by base64, but not by JSON.
	return found, all, rest, err == nil && base64.StdEncoding.EncodedLen(len(found)) == end
}
