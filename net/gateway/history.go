package gateway

import (
	"bytes"
	"fmt"
	"mime"
	"strings"

	"aergo/repo"
	"aergo/repo/diagram"
	"aergo/repo/object"
	"aergo/repo/shape"
)

// transaction tells what a transaction does, without what became of it.
func (v *visit) transaction() (answer, error) {
	what, err := v.mandatory("tx")
	if err != nil {
		return answer{}, err
	}
	s, err := v.story(what)
	if err != nil {
		return answer{}, err
	}
	s.Fates = nil
	a, err := v.begin(isHash(strings.SplitN(what, ".", 2)[0]), shape.TxID(s.Transaction))
	a.body = encode(shape.OfStory(s))
	return a, err
}

// why tells what became of a transaction, too.
func (v *visit) why() (answer, error) {
	what, err := v.mandatory("tx")
	if err != nil {
		return answer{}, err
	}
	a, err := v.ofRefs()
	if err != nil {
		return a, err
	}
	s, err := v.story(what)
	a.body = encode(shape.OfStory(s))
	return a, err
}

func (v *visit) schedule() (answer, error) {
	a, at, err := v.about("rev")
	if err != nil {
		return a, err
	}
	s, err := v.repo.Schedule(v.ctx, at)
	a.body = encode(shape.OfSchedule(s))
	return a, err
}

// workersUsual is for how many workers a tree is drawn if nobody says.
const workersUsual = 8

// drawingPolicy lets a drawing have the style that it brings along, and nothing else.
const drawingPolicy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"

func (v *visit) drawing() (answer, error) {
	workers, err := v.number("workers", workersUsual, diagram.WorkersMax)
	if err != nil {
		return answer{}, err
	}
	b, err := v.block(v.query["rev"])
	if err != nil {
		return answer{}, err
	}
	a, err := v.begin(isHash(v.query["rev"]), fmt.Sprintf("%s-%d", b.ID, workers))
	if err != nil {
		return a, err
	}
	s, err := v.repo.Schedule(v.ctx, b.ID.String())
	if err != nil {
		return answer{}, err
	}
	var out bytes.Buffer
	err = diagram.Draw(&out, s, diagram.Options{Workers: workers})
	a.contentType, a.body, a.policy = svgType, out.Bytes(), drawingPolicy
	return a, err
}

func (v *visit) contracts() (answer, error) {
	a, at, err := v.about("at")
	if err != nil {
		return a, err
	}
	l := &list{}
	err = v.repo.Contracts(v.ctx, at, func(c repo.Contract) error { return l.add(line(shape.OfContract(c)), "") })
	return v.answerList(a, l, err)
}

func (v *visit) contract() (answer, error) {
	name, err := v.mandatory("name")
	if err != nil {
		return answer{}, err
	}
	a, at, err := v.about("at")
	if err != nil {
		return a, err
	}
	c, err := v.repo.Contract(v.ctx, name, at)
	out := shape.OfContract(c)
	out.Source = string(c.Source)
	a.body = encode(out)
	return a, err
}

// object gives the bytes of an object, or a part of them. Objects know nothing of branches, so
// they are for who may read everything.
func (v *visit) object() (answer, error) {
	h, err := object.ParseHash(v.rest)
	if err != nil || !isHash(v.rest) {
		return answer{}, usage("an object is named by the 64 hex digits of its hash")
	}
	missing := fmt.Errorf("object %s: %w", h, repo.ErrNoObject)
	if !v.all {
		return answer{}, missing
	}
	data, err := v.repo.Object(v.ctx, h)
	if err != nil {
		return answer{}, err
	}
	// The bytes are checked whenever they are read, so this comes after.
	a := answer{contentType: bytesType, body: data, etag: `"` + h.String() + `"`, immutable: true, ranges: true}
	a.header = [][2]string{{"Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": h.String()})}}
	return a, v.fresh(a.etag)
}
