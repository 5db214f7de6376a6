package gateway

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Limits of a page of a list.
const (
	limitUsual   = 100
	limitMax     = 1000
	maxPageBytes = 4 << 20
)

// cursor says where a list goes on. It names the blocks that the list began with, so that a
// list stays of one state however the branch moves.
type cursor struct {
	Blocks []string `json:"b,omitempty"`
	Place  string   `json:"p"` // of the last item that was given
}

func (c cursor) String() string {
	data, err := json.Marshal(c)
	if err != nil {
		return "" // a cursor is made of texts
	}
	return base64.RawURLEncoding.EncodeToString(data)
}

var errBadCursor = usage("the cursor is not one that was given here")

// readCursor returns the cursor of a request with so many blocks; ok is false if there is none.
func (v *visit) readCursor(blocks int) (c cursor, ok bool, err error) {
	text := v.query["cursor"]
	if text == "" {
		return c, false, nil
	}
	if c, err = decodeCursor(text); err != nil || len(c.Blocks) != blocks {
		return cursor{}, false, errBadCursor
	}
	return c, true, nil
}

func decodeCursor(text string) (c cursor, err error) {
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return cursor{}, err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return cursor{}, err
	}
	for _, b := range c.Blocks {
		if !isHash(b) {
			return cursor{}, errBadCursor
		}
	}
	return c, nil
}

// limit returns how many items are asked for.
func (v *visit) limit() (int, error) {
	if v.query["limit"] == "" {
		return limitUsual, nil
	}
	n, err := strconv.Atoi(v.query["limit"])
	if err != nil || n < 1 || n > limitMax {
		return 0, usage(fmt.Sprintf("limit is a number from 1 to %d", limitMax))
	}
	return n, nil
}

// errFull ends a walk whose page is full.
var errFull = errors.New("full")

// list is a page of a list on its way.
type list struct {
	limit int // of items; 0 if the list is never cut
	next  cursor
	items []json.RawMessage
	size  int
	full  bool
}

// add takes an item in, with its place. It fails with errFull at the first item beyond the page.
func (l *list) add(item json.RawMessage, place string) error {
	if l.limit > 0 && (len(l.items) == l.limit || l.size > 0 && l.size+len(item) > maxPageBytes) {
		l.full = true
		return errFull
	}
	l.items = append(l.items, item)
	l.size += len(item)
	l.next.Place = place
	return nil
}

// listJSON is a page of a list.
type listJSON struct {
	Items []json.RawMessage `json:"items"`
	Next  *string           `json:"next"` // null at the end
}

// answerList is the answer with what walk adds. The walk begins behind the cursor's place.
func (v *visit) answerList(a answer, l *list, err error) (answer, error) {
	if err != nil && !errors.Is(err, errFull) {
		return answer{}, err
	}
	out := listJSON{Items: l.items}
	if out.Items == nil {
		out.Items = []json.RawMessage{}
	}
	if l.full {
		next := l.next.String()
		out.Next = &next
	}
	if !v.wantsLines() {
		a.contentType, a.body = jsonType, encode(out)
		return a, nil
	}
	a.contentType = linesType
	if out.Next != nil {
		a.header = append(a.header, [2]string{"Aergo-Next", *out.Next})
	}
	for _, item := range out.Items {
		a.body = append(append(a.body, item...), '\n')
	}
	return a, nil
}

// wantsLines says whether JSON lines are asked for, rather than a page.
func (v *visit) wantsLines() bool {
	return strings.HasPrefix(strings.TrimSpace(v.req.Header.Get("Accept")), "application/x-ndjson")
}

// begin begins an answer about blocks: named by hashes it is so for good. Who has it already
// gets errNotModified.
func (v *visit) begin(forGood bool, version string) (answer, error) {
	if v.wantsLines() {
		version += "-lines"
	}
	a := answer{status: http.StatusOK, contentType: jsonType, etag: `"` + version + `"`, immutable: forGood}
	return a, v.fresh(a.etag)
}

// about is begin for an answer about the block of a revision, and returns its hash.
func (v *visit) about(param string) (a answer, at string, err error) {
	id, at, err := v.at(param)
	if err != nil {
		return a, "", err
	}
	a, err = v.begin(isHash(v.query[param]), id.String())
	return a, at, err
}

// ofRefs is begin for an answer that changes when a branch or tag does.
func (v *visit) ofRefs() (answer, error) { return v.begin(false, "refs-"+v.refs) }

// listAbout is about for a list: it begins at the block that the cursor names, if there is one.
func (v *visit) listAbout(param string) (a answer, l *list, at, place string, err error) {
	l = &list{}
	if l.limit, err = v.limit(); err != nil {
		return a, nil, "", "", err
	}
	c, goesOn, err := v.readCursor(1)
	if err != nil {
		return a, nil, "", "", err
	}
	if goesOn {
		// The block has to be one that may be read today.
		v.query[param] = c.Blocks[0]
	}
	if a, at, err = v.about(param); err != nil {
		return a, nil, "", "", err
	}
	l.next.Blocks = []string{at}
	return a, l, at, c.Place, nil
}

// isHash says whether a text is a whole hash.
func isHash(s string) bool { return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == "" }

// counted makes a walk whose places are numbers: skip says how many items stand before.
func counted(place string) (skip int, err error) {
	if place == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(place)
	if err != nil || n < 0 {
		return 0, errBadCursor
	}
	return n, nil
}
