package table

import (
	"errors"
	"fmt"

	"aergo/contract/value"
	"aergo/repo/object"
	"aergo/repo/state/key"
)

// Namer gives names their indices in a chunk's dictionary, adding those that are new.
// *object.ChunkBuilder is one.
type Namer interface {
	Name(name string) int
}

// ErrTooManyOps is wrapped when a transaction is above MaxOps or object.MaxPayloadBytes.
var ErrTooManyOps = errors.New("transaction is too large")

// Builder encodes operations into payloads. It reuses its memory.
type Builder struct {
	names Namer
	body  []byte
	count int
}

// NewBuilder returns a builder of payloads that refer to names.
func NewBuilder(names Namer) *Builder { return &Builder{names: names} }

// Reset begins a new transaction.
func (b *Builder) Reset() { b.body, b.count = b.body[:0], 0 }

// Count returns the number of operations so far.
func (b *Builder) Count() int { return b.count }

// Add appends an operation. It fails, and appends nothing, if the operation is not one that
// a Decoder would accept; the errors wrap value.ErrType, value.ErrLimit and the like.
func (b *Builder) Add(op *Op) error {
	if err := checkOp(op); err != nil {
		return fmt.Errorf("%v: %w", op.Code, err)
	}
	if b.count == MaxOps {
		return fmt.Errorf("more than %d operations: %w", MaxOps, ErrTooManyOps)
	}
	from := len(b.body)
	b.body = b.appendOp(b.body, op)
	if len(b.body)+object.HeadSize(MaxOps) > object.MaxPayloadBytes {
		b.body = b.body[:from]
		return fmt.Errorf("operations above %d bytes: %w", object.MaxPayloadBytes, ErrTooManyOps)
	}
	b.count++
	return nil
}

// AppendPayload appends the payload of the operations so far.
func (b *Builder) AppendPayload(dst []byte) []byte {
	return append(object.AppendArray(dst, b.count), b.body...)
}

func (b *Builder) appendOp(dst []byte, op *Op) []byte {
	dst = object.AppendArray(dst, 7)
	dst = object.AppendUint(dst, uint64(op.Code))
	dst = object.AppendUint(dst, uint64(op.Flags))
	dst = object.AppendUint(dst, uint64(b.names.Name(op.Table)))
	dst = object.AppendBytes(dst, op.Tuple)
	dst = object.AppendArray(dst, len(op.Fields))
	for i := range op.Fields {
		dst = object.AppendUint(dst, uint64(b.names.Name(op.Fields[i].Name)))
	}
	dst = object.AppendArray(dst, len(op.Fields))
	for i := range op.Fields {
		if v := op.Fields[i].Value; len(v) == 0 {
			dst = value.AppendAbsent(dst)
		} else {
			dst = append(dst, v...)
		}
	}
	return appendSeen(dst, op)
}

func appendSeen(dst []byte, op *Op) []byte {
	switch {
	case op.Flags&Force != 0, op.Code.delta(), op.Code == Insert:
		return object.AppendArray(dst, 0)
	case op.Code.wholeRow():
		return object.AppendBytes(object.AppendArray(dst, 1), op.RowSeen)
	case !op.SawRow:
		return object.AppendUint(object.AppendArray(dst, 1), 0)
	}
	dst = object.AppendUint(object.AppendArray(dst, 1+len(op.Fields)), 1)
	for i := range op.Fields {
		dst = object.AppendBytes(dst, op.Fields[i].Seen)
	}
	return dst
}

// checkOp says whether an operation can be encoded.
func checkOp(op *Op) error {
	switch {
	case op.Code >= codeCount:
		return fmt.Errorf("no such operation")
	case op.Flags > Create|Exact|Force || !flagsFit(op.Code, op.Flags):
		return fmt.Errorf("flags %d do not fit", op.Flags)
	case op.Code == Del && len(op.Fields) > 0:
		return fmt.Errorf("it has fields")
	case op.Code.delta() && len(op.Fields) == 0:
		return fmt.Errorf("it has no fields")
	case len(op.Fields) > MaxFields:
		return fmt.Errorf("%d fields: %w: at most %d", len(op.Fields), ErrRowTooLarge, MaxFields)
	}
	if err := key.CheckTable(op.Table); err != nil {
		return err
	}
	if err := checkOpKey(op); err != nil {
		return err
	}
	unforced := op.Flags&Force == 0
	if unforced && (op.Code == Replace || op.Code == Del) && len(op.RowSeen) != value.HashSize {
		return fmt.Errorf("row version of %d bytes, want %d", len(op.RowSeen), value.HashSize)
	}
	sizeBytes := object.HeadSize(uint64(2 * len(op.Fields)))
	for i := range op.Fields {
		arg := &op.Fields[i]
		if i > 0 && op.Fields[i-1].Name >= arg.Name {
			return fmt.Errorf("field %q does not ascend", arg.Name)
		}
		if err := checkArg(op.Code, arg); err != nil {
			return fmt.Errorf("field %q: %w", arg.Name, err)
		}
		sizeBytes += object.HeadSize(uint64(len(arg.Name))) + len(arg.Name) + max(len(arg.Value), 1)
	}
	if sizeBytes > MaxRowBytes {
		return fmt.Errorf("row of %d bytes: %w: at most %d", sizeBytes, ErrRowTooLarge, MaxRowBytes)
	}
	return nil
}

func checkOpKey(op *Op) error {
	switch {
	case op.Code == Define && len(op.Tuple) > 0:
		return fmt.Errorf("it has a key")
	case op.Code == Define:
		return nil
	case len(op.Tuple) > MaxTupleBytes:
		return fmt.Errorf("row key of %d bytes: %w: at most %d", len(op.Tuple), key.ErrTooLong, MaxTupleBytes)
	}
	return checkTuple(op.Tuple)
}

func checkArg(c Code, arg *Arg) error {
	if err := value.CheckName(arg.Name); err != nil {
		return err
	}
	if n := len(arg.Seen); n != 0 && n != value.HashSize {
		return fmt.Errorf("hash seen of %d bytes, want %d", n, value.HashSize)
	}
	switch {
	case c == Append || c == Remove:
		return value.CheckElement(arg.Value)
	case value.Absent(arg.Value) && c.fieldwise():
		return nil
	}
	if err := value.CheckOperand(arg.Value); err != nil {
		return err
	}
	switch {
	case value.Absent(arg.Value):
		return fmt.Errorf("it is absent: %w", value.ErrType)
	case c == Incr && !value.IsNumber(arg.Value):
		return fmt.Errorf("increment by %v: %w", value.KindOf(arg.Value), value.ErrType)
	}
	return nil
}

// Template encodes many payloads of one insert each into the same fields of the same
// table, as an import makes them, without looking up their names again.
type Template struct {
	head, fields []byte
	count        int
	nameBytes    int
}

// NewTemplate returns a template whose payloads refer to names, which must not be reset as
// long as the template is used. The fields ascend strictly.
func NewTemplate(names Namer, table string, fields []string) (*Template, error) {
	null := value.AppendNull(nil)
	op := Op{Code: Insert, Table: table, Tuple: key.Append(nil, key.Int(0))}
	t := &Template{count: len(fields)}
	for _, f := range fields {
		op.Fields = append(op.Fields, Arg{Name: f, Value: null})
		t.nameBytes += object.HeadSize(uint64(len(f))) + len(f)
	}
	if err := checkOp(&op); err != nil {
		return nil, fmt.Errorf("%v: %w", op.Code, err)
	}
	t.head = object.AppendArray(object.AppendArray(nil, 1), 7)
	t.head = object.AppendUint(object.AppendUint(t.head, uint64(Insert)), 0)
	t.head = object.AppendUint(t.head, uint64(names.Name(table)))
	t.fields = object.AppendArray(nil, len(fields))
	for _, f := range fields {
		t.fields = object.AppendUint(t.fields, uint64(names.Name(f)))
	}
	t.fields = object.AppendArray(t.fields, len(fields))
	return t, nil
}

// AppendPayload appends the payload that inserts the row of a valid key tuple with values,
// operands in the order of the fields, joined. It trusts that there are as many of them as
// fields, none absent, and checks only sizes.
func (t *Template) AppendPayload(dst, tuple, values []byte) ([]byte, error) {
	if n := t.nameBytes + len(values) + object.HeadSize(uint64(2*t.count)); n > MaxRowBytes {
		return dst, fmt.Errorf("row of %d bytes: %w: at most %d", n, ErrRowTooLarge, MaxRowBytes)
	}
	if len(tuple) == 0 || len(tuple) > MaxTupleBytes {
		return dst, fmt.Errorf("row key of %d bytes: %w: at most %d", len(tuple), key.ErrTooLong, MaxTupleBytes)
	}
	dst = append(dst, t.head...)
	dst = object.AppendBytes(dst, tuple)
	dst = append(append(dst, t.fields...), values...)
	return object.AppendArray(dst, 0), nil
}
