package object_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// The readable form of records in golden vectors: structs are objects with their fields
// in the order of the Go type, byte strings, keys and hashes are hex ("" is the zero
// hash), integers are numbers, or decimal strings above 2^53-1.

const maxJSONInteger = 1<<53 - 1

type jsonField struct {
	name  string
	value any
}

// jsonObject is a JSON object that keeps the order of its fields.
type jsonObject []jsonField

func (o jsonObject) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, f := range o {
		if i > 0 {
			out = append(out, ',')
		}
		value, err := json.Marshal(f.value)
		if err != nil {
			return nil, err
		}
		out = append(strconv.AppendQuote(out, f.name), ':')
		out = append(out, value...)
	}
	return append(out, '}'), nil
}

// toJSON returns the readable form of a record, or of a part of one.
func toJSON(v any) any { return valueToJSON(reflect.ValueOf(v)) }

func valueToJSON(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer:
		return valueToJSON(v.Elem())
	case reflect.Struct:
		o := make(jsonObject, v.NumField())
		for i := range o {
			o[i] = jsonField{snake(v.Type().Field(i).Name), valueToJSON(v.Field(i))}
		}
		return o
	case reflect.Array:
		if v.IsZero() && v.Type().Name() == "Hash" {
			return ""
		}
		raw := make([]byte, v.Len())
		reflect.Copy(reflect.ValueOf(raw), v)
		return hex.EncodeToString(raw)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return hex.EncodeToString(v.Bytes())
		}
		list := make([]any, v.Len())
		for i := range list {
			list[i] = valueToJSON(v.Index(i))
		}
		return list
	case reflect.Uint8, reflect.Uint64:
		if n := v.Uint(); n > maxJSONInteger {
			return strconv.FormatUint(n, 10)
		}
		return v.Uint()
	}
	return v.Interface()
}

// fromJSON fills the record that into points to from its readable form, which must have
// all its fields and no others.
func fromJSON(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		return err
	}
	return valueFromJSON(tree, reflect.ValueOf(into).Elem())
}

func valueFromJSON(tree any, v reflect.Value) error {
	switch v.Kind() {
	case reflect.Struct:
		return structFromJSON(tree, v)
	case reflect.Array:
		raw, err := hex.DecodeString(fmt.Sprint(tree))
		if err == nil && len(raw) != 0 && len(raw) != v.Len() {
			err = fmt.Errorf("%d bytes, want %d", len(raw), v.Len())
		}
		reflect.Copy(v, reflect.ValueOf(raw))
		return err
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			raw, err := hex.DecodeString(fmt.Sprint(tree))
			v.SetBytes(raw)
			return err
		}
		list, ok := tree.([]any)
		if !ok {
			return fmt.Errorf("%v is not a list", tree)
		}
		v.Set(reflect.MakeSlice(v.Type(), len(list), len(list)))
		for i := range list {
			if err := valueFromJSON(list[i], v.Index(i)); err != nil {
				return fmt.Errorf("element %d: %w", i, err)
			}
		}
		return nil
	case reflect.Uint8, reflect.Uint64:
		n, err := strconv.ParseUint(fmt.Sprint(tree), 10, v.Type().Bits())
		v.SetUint(n)
		return err
	}
	value := reflect.ValueOf(tree)
	if !value.IsValid() || value.Type() != v.Type() {
		return fmt.Errorf("%v is not a %s", tree, v.Type())
	}
	v.Set(value)
	return nil
}

func structFromJSON(tree any, v reflect.Value) error {
	fields, ok := tree.(map[string]any)
	if !ok || len(fields) != v.NumField() {
		return fmt.Errorf("%v is not an object of %d fields", tree, v.NumField())
	}
	for i := range v.NumField() {
		name := snake(v.Type().Field(i).Name)
		value, ok := fields[name]
		if !ok {
			return fmt.Errorf("no field %s", name)
		}
		if err := valueFromJSON(value, v.Field(i)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// snake turns TimeMillis into time_millis.
func snake(name string) string {
	var b strings.Builder
	for i, c := range name {
		if i > 0 && 'A' <= c && c <= 'Z' && name[i-1] >= 'a' {
			b.WriteByte('_')
		}
		b.WriteRune(c)
	}
	return strings.ToLower(b.String())
}
