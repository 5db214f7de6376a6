package rpc

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"aergo/repo"
)

// TestClientHasEveryVerb calls every method of the door on a client, whose other side
// checks what arrives and answers something: verb, arguments, items and results are the
// same on both sides, whatever the verb.
func TestClientHasEveryVerb(t *testing.T) {
	f := newFiller(t)
	door := reflect.TypeFor[repo.Door]()
	for m := range door.Methods() {
		if m.Name == "Close" {
			continue
		}
		t.Run(m.Name, func(t *testing.T) {
			for range 20 {
				callOne(t, f, m)
			}
		})
	}
}

// callOne calls one method once.
func callOne(t *testing.T, f filler, m reflect.Method) {
	far := &otherSide{t: t, verb: m.Name}
	var got []reflect.Value // items
	in := []reflect.Value{reflect.ValueOf(t.Context())}
	for i := 1; i < m.Type.NumIn(); i++ {
		switch p := m.Type.In(i); {
		case p == reflect.TypeFor[io.Reader]():
			far.bytes = strings.Repeat("row\n", 1000)
			in = append(in, reflect.ValueOf(strings.NewReader(far.bytes)))
		case p.Kind() == reflect.Func:
			far.fillItems(f, p.In(0))
			in = append(in, reflect.MakeFunc(p, func(args []reflect.Value) []reflect.Value {
				got = append(got, args[0])
				return []reflect.Value{errorValue(nil)}
			}))
		default:
			typed := f
			typed.notUTF8 = true // it is for the door to say what is wrong with it
			v := typed.value(p)
			in = append(in, v)
			far.args = append(far.args, v.Interface())
		}
	}
	for out := range m.Type.Outs() {
		if out.Kind() == reflect.Func {
			far.fillItems(f, out.In(0).In(0))
		} else if out != reflect.TypeFor[error]() {
			far.values = append(far.values, f.value(out).Interface())
		}
	}
	client := far.client()
	results := reflect.ValueOf(client).MethodByName(m.Name).Call(in)
	for i, v := range results {
		switch v.Type().Kind() {
		case reflect.Func:
			yield := reflect.MakeFunc(v.Type().In(0), func(args []reflect.Value) []reflect.Value {
				if !args[1].IsNil() {
					t.Errorf("%s: %v", m.Name, args[1])
				}
				got = append(got, args[0])
				return []reflect.Value{reflect.ValueOf(true)}
			})
			v.Call([]reflect.Value{yield})
		case reflect.Interface:
			if !v.IsNil() {
				t.Fatalf("%s: %v", m.Name, v)
			}
		default:
			if !sameValue(v.Interface(), far.values[i]) {
				t.Errorf("%s: result is\n%+v, want\n%+v", m.Name, v, far.values[i])
			}
		}
	}
	if len(got) != len(far.items) {
		t.Fatalf("%s: %d items, want %d", m.Name, len(got), len(far.items))
	}
	for i := range got {
		if !sameValue(got[i].Interface(), far.items[i]) {
			t.Errorf("%s: item is\n%+v, want\n%+v", m.Name, got[i], far.items[i])
		}
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
}

// otherSide is the other side of one call.
type otherSide struct {
	t             *testing.T
	verb          string
	args          []any
	bytes         string
	items, values []any
}

func (o *otherSide) fillItems(f filler, t reflect.Type) {
	for range f.IntN(4) {
		o.items = append(o.items, f.value(t).Interface())
	}
}

// client returns a client of this side.
func (o *otherSide) client() *Client {
	here, there := net.Pipe()
	go o.serve(there)
	return clientOn(here)
}

// clientOn returns a client with one connection.
func clientOn(conn net.Conn) *Client {
	return &Client{path: "nowhere", idle: []*connection{newConnection(conn)}}
}

func (o *otherSide) serve(conn net.Conn) {
	defer conn.Close()
	out := &sender{conn: conn}
	m, err := readMessage(conn)
	var c call
	if err != nil || m.kind != kindCall || json.Unmarshal(m.payload, &c) != nil {
		o.t.Errorf("call: %v, %v", m, err)
		return
	}
	if c.Verb != o.verb || len(c.Args) != len(o.args) {
		o.t.Errorf("%s arrives as %s with %d arguments", o.verb, c.Verb, len(c.Args))
		return
	}
	for i, arg := range c.Args {
		v := reflect.New(reflect.TypeOf(o.args[i]))
		err := decode(arg, v.Interface())
		if c.Escaped {
			v.Elem().Set(changeTexts(v.Elem(), unescapeText))
		}
		if err != nil || !sameValue(v.Elem().Interface(), o.args[i]) {
			o.t.Errorf("%s: argument is\n%s, want\n%+v", c.Verb, arg, o.args[i])
		}
	}
	if o.bytes != "" && !o.readBytes(conn, out, m.call) {
		return
	}
	if len(o.items) > 0 {
		var items []any
		for _, item := range o.items {
			items = append(items, onWire(item))
		}
		_ = out.sendJSON(kindItems, m.call, items)
	}
	for _, v := range o.values {
		data, err := encode(onWire(v))
		if err != nil {
			o.t.Error(err)
		}
		_ = out.send(message{kindValue, m.call, data})
	}
	_ = out.sendJSON(kindResult, m.call, result{})
}

// readBytes asks for everything in the reader.
func (o *otherSide) readBytes(conn net.Conn, out *sender, id uint32) bool {
	var got strings.Builder
	for {
		_ = out.send(message{kind: kindWant, call: id})
		m, err := readMessage(conn)
		if err != nil || m.kind == kindEnd {
			if got.String() != o.bytes {
				o.t.Errorf("%s: %d bytes arrive of %d, %v", o.verb, got.Len(), len(o.bytes), err)
			}
			return err == nil
		}
		got.Write(m.payload)
	}
}

// TestServerHasEveryVerb looks at the shape of every method of the door: context, then
// plain values, at most one reader and one function of one item, and an error at the end.
// That is what dispatch serves.
func TestServerHasEveryVerb(t *testing.T) {
	door := reflect.TypeFor[repo.Door]()
	for m := range door.Methods() {
		if m.Name == "Close" {
			continue
		}
		if m.Type.NumIn() == 0 || m.Type.In(0) != reflect.TypeFor[context.Context]() {
			t.Errorf("%s: no context first", m.Name)
		}
		readers, functions := 0, 0
		for p := range m.Type.Ins() {
			switch {
			case p == reflect.TypeFor[io.Reader]():
				readers++
			case p.Kind() == reflect.Func:
				functions++
				if p.NumIn() != 1 || p.NumOut() != 1 || p.Out(0) != reflect.TypeFor[error]() {
					t.Errorf("%s: takes %s", m.Name, p)
				}
			}
		}
		last := m.Type.Out(m.Type.NumOut() - 1)
		isSeq := last.Kind() == reflect.Func && last.CanSeq2() && last.In(0).In(1) == reflect.TypeFor[error]()
		if readers > 1 || functions > 1 || last != reflect.TypeFor[error]() && !isSeq {
			t.Errorf("%s: %s", m.Name, m.Type)
		}
	}
	if _, err := dispatch(t.Context(), nil, call{Verb: "Close"}, nil); err == nil {
		t.Error("Close is a verb")
	}
}

// TestNobodyServes takes whatever stands in the place of a socket for none.
func TestNobodyServes(t *testing.T) {
	folder := t.TempDir()
	if _, err := Dial(t.Context(), folder, Caller{}, Notes{}); !errors.Is(err, ErrNoServer) {
		t.Errorf("nothing there: %v", err)
	}
	l, err := net.Listen("unix", filepath.Join(folder, SocketFile))
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	if _, err := Dial(t.Context(), folder, Caller{}, Notes{}); !errors.Is(err, ErrNoServer) {
		t.Errorf("a socket that nobody listens on: %v", err)
	}
	again, err := Listen(folder)
	if err != nil {
		t.Fatalf("a socket that nobody listens on: %v", err)
	}
	defer again.Close()
	if _, err := Listen(folder); !errors.Is(err, ErrServed) {
		t.Errorf("a second server: %v", err)
	}
}
