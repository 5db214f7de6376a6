package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"time"

	"aergo/net/problem"
	"aergo/repo"
)

// exchange is what a call and its caller tell each other beside arguments and results.
type exchange struct {
	ctx context.Context
	out *sender
	now *running

	items []byte // a JSON array that is not closed yet
	sent  time.Time

	rest []byte // of a chunk
	end  error
}

// errStopped ends a walk whose caller wants no more. It never leaves this side.
var errStopped = errors.New("rpc: stopped")

// dispatch calls the method of a door that a call names. Beside context, the method may take
// one reader and one function that is called for each item, both of which are the caller's.
// The values are in JSON.
func dispatch(ctx context.Context, door repo.Door, c call, x *exchange) (values [][]byte, err error) {
	method, known := reflect.TypeFor[repo.Door]().MethodByName(c.Verb)
	if !known || c.Verb == "Close" {
		return nil, problem.Usagef("use the same version of aergo on both sides", "rpc: no verb %q", c.Verb)
	}
	in, err := arguments(ctx, method.Type, c, x)
	if err != nil {
		return nil, err
	}
	results := reflect.ValueOf(door).MethodByName(c.Verb).Call(in)
	for i, v := range results {
		switch t := method.Type.Out(i); {
		case t == reflect.TypeFor[error]():
			err, _ = reflect.TypeAssert[error](v)
		case t.Kind() == reflect.Func:
			err = x.sendAll(v)
		default:
			data, failed := encode(onWire(v.Interface()))
			if failed != nil {
				return nil, failed
			}
			if len(data) > maxValueBytes {
				return nil, fmt.Errorf("%w: the answer has %d bytes", repo.ErrTooLarge, len(data))
			}
			values = append(values, data)
		}
	}
	if flushErr := x.flush(); err == nil {
		err = flushErr
	}
	if errors.Is(err, errStopped) {
		err = nil
	}
	return values, err
}

// arguments returns what the method is called with.
func arguments(ctx context.Context, method reflect.Type, c call, x *exchange) ([]reflect.Value, error) {
	var in []reflect.Value
	rest := c.Args
	for t := range method.Ins() {
		switch {
		case t == reflect.TypeFor[context.Context]():
			in = append(in, reflect.ValueOf(ctx))
		case t == reflect.TypeFor[io.Reader]():
			in = append(in, reflect.ValueOf(x))
		case t == reflect.TypeFor[func(repo.Row) error]():
			in = append(in, reflect.ValueOf(x.sendRow))
		case t.Kind() == reflect.Func:
			in = append(in, reflect.MakeFunc(t, func(args []reflect.Value) []reflect.Value {
				err := x.send(args[0].Interface())
				return []reflect.Value{errorValue(err)}
			}))
		case len(rest) == 0:
			return nil, fmt.Errorf("%w: %s: too few arguments", ErrProtocol, c.Verb)
		default:
			v := reflect.New(t)
			if err := decode(rest[0], v.Interface()); err != nil {
				return nil, fmt.Errorf("%s: %w", c.Verb, err)
			}
			if c.Escaped {
				v.Elem().Set(changeTexts(v.Elem(), unescapeText))
			}
			in, rest = append(in, v.Elem()), rest[1:]
		}
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%w: %s: too many arguments", ErrProtocol, c.Verb)
	}
	return in, nil
}

func errorValue(err error) reflect.Value {
	v := reflect.New(reflect.TypeFor[error]()).Elem()
	if err != nil {
		v.Set(reflect.ValueOf(err))
	}
	return v
}

// sendAll sends what an iter.Seq2 of items and errors yields, up to the first error.
func (x *exchange) sendAll(seq reflect.Value) (err error) {
	yield := reflect.MakeFunc(seq.Type().In(0), func(args []reflect.Value) []reflect.Value {
		if failed, _ := reflect.TypeAssert[error](args[1]); failed != nil {
			err = failed
		} else {
			err = x.send(args[0].Interface())
		}
		return []reflect.Value{reflect.ValueOf(err == nil)}
	})
	seq.Call([]reflect.Value{yield})
	return err
}

const (
	// itemsBytes is from which size on items are sent.
	itemsBytes = 32 << 10
	// itemsInterval is after how long they are sent though they are few.
	itemsInterval = 10 * time.Millisecond
)

// send sends an item, together with others if they follow soon. It waits while the caller
// is busy with those before.
func (x *exchange) send(item any) error {
	return x.sendWith(func(to []byte) ([]byte, error) {
		data, err := encode(onWire(item))
		return append(to, data...), err
	})
}

// sendRow is send for a row.
func (x *exchange) sendRow(row repo.Row) error {
	return x.sendWith(func(to []byte) ([]byte, error) { return appendRow(to, row) })
}

func (x *exchange) sendWith(write func(to []byte) ([]byte, error)) error {
	if x.now.stopped.Load() {
		return errStopped
	}
	if err := x.ctx.Err(); err != nil {
		return err
	}
	mark := byte(',')
	if len(x.items) == 0 {
		mark = '['
	}
	was := len(x.items)
	all, err := write(append(x.items, mark))
	if err != nil {
		x.items = x.items[:was]
		return err
	}
	x.items = all
	if len(x.items) >= itemsBytes || time.Since(x.sent) >= itemsInterval {
		return x.flush()
	}
	return nil
}

func (x *exchange) flush() error {
	if len(x.items) == 0 {
		return nil
	}
	err := x.out.send(message{kindItems, x.now.id, append(x.items, ']')})
	x.items, x.sent = x.items[:0], time.Now()
	return err
}

// Read implements io.Reader: it asks the caller for what one read of its reader gives.
func (x *exchange) Read(p []byte) (int, error) {
	for len(x.rest) == 0 {
		if x.end != nil {
			return 0, x.end
		}
		if len(p) == 0 {
			return 0, nil
		}
		x.now.asked.Store(true)
		if err := x.out.send(message{kind: kindWant, call: x.now.id}); err != nil {
			return 0, err
		}
		select {
		case c := <-x.now.bytes:
			x.rest, x.end = c.data, c.err
		case <-x.ctx.Done():
			return 0, x.ctx.Err()
		}
	}
	n := copy(p, x.rest)
	x.rest = x.rest[n:]
	return n, nil
}
