package format

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"aergo/contract/table"
	"aergo/contract/value"
	"aergo/repo/state/key"
)

// AppendRowJSON appends {"key":K,"fields":{...}} for a row: fields ascend by path, nested
// as their names say.
func AppendRowJSON(dst, tuple, row []byte) ([]byte, error) {
	comps, err := key.Decode(tuple)
	if err != nil {
		return dst, err
	}
	dst = AppendKeyJSON(append(dst, `{"key":`...), comps)
	dst = value.AppendJSONObject(append(dst, `,"fields":`...), table.FieldList(row))
	return append(dst, '}'), nil
}

// NewJSONLinesWriter returns a writer of one {"key":K,"fields":{...}} a line.
func NewJSONLinesWriter(w io.Writer) RowWriter {
	return &jsonWriter{w: bufio.NewWriterSize(w, writeBufBytes), appendRow: AppendRowJSON}
}

// NewJSONWriter returns a writer of one array with an object for each row. If keyNames are
// given the objects are plain rows, whose members are the key's components, integers as
// numbers, and the fields, ascending by path; a row with a field of such a name is refused.
// Otherwise they are {"key":K,"fields":{...}}.
func NewJSONWriter(w io.Writer, keyNames []string) RowWriter {
	j := &jsonWriter{w: bufio.NewWriterSize(w, writeBufBytes), array: true, appendRow: AppendRowJSON}
	if len(keyNames) > 0 {
		j.appendRow = func(dst, tuple, row []byte) ([]byte, error) { return appendPlainRow(dst, keyNames, tuple, row) }
	}
	return j
}

// appendPlainRow appends the object of a row and its key.
func appendPlainRow(dst []byte, keyNames []string, tuple, row []byte) ([]byte, error) {
	comps, err := key.Decode(tuple)
	if err != nil {
		return dst, err
	}
	if len(comps) != len(keyNames) {
		return dst, fmt.Errorf("key %s: %d components for %d key columns", short(FormatKey(comps)), len(comps), len(keyNames))
	}
	fields := table.FieldList(row)
	for i, name := range keyNames {
		enc, err := valueOf(nil, comps[i])
		if err != nil {
			return dst, err
		}
		fields = append(fields, value.Field{Name: name, Enc: enc})
	}
	slices.SortFunc(fields, func(a, b value.Field) int { return strings.Compare(a.Name, b.Name) })
	for i := 1; i < len(fields); i++ {
		if fields[i-1].Name == fields[i].Name {
			return dst, fmt.Errorf("key %s: field %q has the name of a key column", short(FormatKey(comps)), fields[i].Name)
		}
	}
	return value.AppendJSONObject(dst, fields), nil
}

type jsonWriter struct {
	w         *bufio.Writer
	array     bool
	rows      int
	appendRow func(dst, tuple, row []byte) ([]byte, error)
	line      []byte
	err       error
}

func (j *jsonWriter) WriteRow(tuple, row []byte) error {
	if j.err != nil {
		return j.err
	}
	j.line = j.line[:0]
	switch {
	case j.array && j.rows == 0:
		j.line = append(j.line, "[\n"...)
	case j.array:
		j.line = append(j.line, ",\n"...)
	}
	if j.line, j.err = j.appendRow(j.line, tuple, row); j.err != nil {
		return j.err
	}
	if !j.array {
		j.line = append(j.line, '\n')
	}
	j.rows++
	_, j.err = j.w.Write(j.line)
	return j.err
}

func (j *jsonWriter) Close() error {
	if j.err != nil {
		return j.err
	}
	if j.array {
		end := "\n]\n"
		if j.rows == 0 {
			end = "[]\n"
		}
		if _, j.err = j.w.WriteString(end); j.err != nil {
			return j.err
		}
		j.array = false // Close may be called again
	}
	j.err = j.w.Flush()
	return j.err
}
