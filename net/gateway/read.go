package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/shape"
)

// repositoryJSON is a repository in the list.
type repositoryJSON struct {
	Name string `json:"name"`
}

// repositories lists those that who asks may know of.
func (v *visit) repositories() (answer, error) {
	l := &list{}
	limit, err := v.limit()
	if err != nil {
		return answer{}, err
	}
	l.limit = limit
	c, _, err := v.readCursor(0)
	if err != nil {
		return answer{}, err
	}
	err = v.eachRepository(c.Place, func(name string) error { return l.add(line(repositoryJSON{name}), name) })
	return v.answerList(answer{contentType: jsonType}, l, err)
}

// eachRepository calls fn for the name of every repository after one that who asks may know of.
func (v *visit) eachRepository(after string, fn func(name string) error) error {
	names, err := v.g.opts.Repositories.Names(v.ctx)
	if err != nil {
		return err
	}
	at, found := slices.BinarySearch(names, after)
	if found {
		at++
	}
	for _, name := range names[at:] {
		switch err := v.mayKnow(name); {
		case errors.Is(err, ErrDenied), errors.Is(err, repo.ErrNoRepository):
		case err != nil:
			return err
		default:
			if err := fn(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// mayKnow says whether who asks may know of a repository. Only if they may not read all of it,
// it is opened.
func (v *visit) mayKnow(name string) error {
	if err := v.g.opts.Access.Allow(v.ctx, v.who, name, Read, ""); !errors.Is(err, ErrDenied) {
		return err
	}
	r, release, err := v.g.opts.Repositories.Open(v.ctx, name)
	if err != nil {
		return err
	}
	defer release()
	_, err = v.g.scopeOf(v.ctx, v.who, name, r)
	return err
}

// line is a shape as an item of a list.
func line(shape any) []byte {
	text := encode(shape)
	return text[:len(text)-1]
}

func (v *visit) status() (answer, error) {
	st, err := v.repo.Status(v.ctx)
	if err != nil {
		return answer{}, err
	}
	if !v.all {
		b, _ := v.branchNamed(ref.Name(v.home))
		head, err := v.block(b.Head.String())
		if err != nil {
			return answer{}, err
		}
		st = repo.Status{Branch: b.Name, Head: head.ID, Height: head.Height}
	}
	st.Pending, st.Others = 0, nil // nobody's business but theirs who work there
	a, err := v.ofRefs()
	a.body = encode(shape.OfStatus(st))
	return a, err
}

func (v *visit) branchList() (answer, error) {
	a, err := v.ofRefs()
	if err != nil {
		return a, err
	}
	l := &list{}
	for _, b := range v.branches {
		logic, err := v.repo.MergeLogic(v.ctx, b.Name)
		if err != nil {
			return answer{}, err
		}
		item := shape.Name{Name: string(b.Name), Block: b.Head, Current: v.isHome(b), Logic: shape.OfLogic(logic)}
		if err := l.add(line(item), ""); err != nil {
			return answer{}, err
		}
	}
	return v.answerList(a, l, nil)
}

// isHome says whether a branch is the repository's own.
func (v *visit) isHome(b ref.Branch) bool {
	if v.home != "HEAD" {
		return string(b.Name) == v.home
	}
	st, err := v.repo.Status(v.ctx)
	return err == nil && st.Branch == b.Name
}

func (v *visit) tagList() (answer, error) {
	a, err := v.ofRefs()
	if err != nil {
		return a, err
	}
	l := &list{}
	for _, t := range v.tags {
		if err := l.add(line(shape.Name{Name: string(t.Name), Block: t.Block}), ""); err != nil {
			return answer{}, err
		}
	}
	return v.answerList(a, l, nil)
}

// resolvedJSON is the block that a revision names.
type resolvedJSON struct {
	Block  object.Hash `json:"block"`
	Height uint64      `json:"height"`
}

func (v *visit) resolved() (answer, error) {
	b, err := v.block(v.query["rev"])
	if err != nil {
		return answer{}, err
	}
	a, err := v.begin(isHash(v.query["rev"]), b.ID.String())
	a.body = encode(resolvedJSON{b.ID, b.Height})
	return a, err
}

func (v *visit) log() (answer, error) {
	onlyExcluded := false
	switch v.query["excluded"] {
	case "", "false":
	case "true":
		onlyExcluded = true
	default:
		return answer{}, usage("excluded is true or false")
	}
	a, l, at, place, err := v.listAbout("rev")
	if err != nil {
		return a, err
	}
	from := at
	if place != "" {
		if !isHash(place) {
			return answer{}, errBadCursor
		}
		b, err := v.block(place)
		if err != nil {
			return answer{}, err
		}
		if b.Parent.IsZero() {
			return v.answerList(a, l, nil)
		}
		from = b.Parent.String()
	}
	err = v.repo.Log(v.ctx, from, 0, func(b repo.Block) error {
		switch {
		case !onlyExcluded:
			return l.add(line(shape.OfBlock(b)), b.ID.String())
		case len(b.Excluded) > 0:
			return l.add(line(shape.OfLeftOut(b)), b.ID.String())
		}
		return v.ctx.Err()
	})
	return v.answerList(a, l, err)
}

func (v *visit) show() (answer, error) {
	a, at, err := v.about("rev")
	if err != nil {
		return a, err
	}
	b, err := v.repo.Show(v.ctx, at)
	a.body = encode(shape.OfShown(b))
	return a, err
}

// between finds the two blocks of a diff: from a revision, or else the parent, to another.
func (v *visit) between() (from, to string, err error) {
	b, err := v.block(v.query["to"])
	if err != nil {
		return "", "", err
	}
	to = b.ID.String()
	if v.query["from"] == "" {
		if b.Parent.IsZero() {
			return to, to, nil
		}
		return b.Parent.String(), to, nil
	}
	a, err := v.block(v.query["from"])
	return a.ID.String(), to, err
}

func (v *visit) diff() (answer, error) {
	l := &list{}
	var err error
	if l.limit, err = v.limit(); err != nil {
		return answer{}, err
	}
	c, goesOn, err := v.readCursor(2)
	if err != nil {
		return answer{}, err
	}
	skip, err := counted(c.Place)
	if err != nil {
		return answer{}, err
	}
	if goesOn {
		v.query["from"], v.query["to"] = c.Blocks[0], c.Blocks[1]
	}
	from, to, err := v.between()
	if err != nil {
		return answer{}, err
	}
	forGood := isHash(v.query["to"]) && (v.query["from"] == "" || isHash(v.query["from"]))
	a, err := v.begin(forGood, from+"-"+to)
	if err != nil {
		return a, err
	}
	l.next.Blocks = []string{from, to}
	n := 0
	err = v.repo.Diff(v.ctx, from, to, v.query["table"], func(d repo.Difference) error {
		if n++; n <= skip {
			return nil
		}
		return l.add(line(shape.OfDifference(d)), strconv.Itoa(n))
	})
	return v.answerList(a, l, err)
}

func (v *visit) diffStat() (answer, error) {
	from, to, err := v.between()
	if err != nil {
		return answer{}, err
	}
	a, err := v.begin(isHash(v.query["from"]) && isHash(v.query["to"]), from+"-"+to)
	if err != nil {
		return a, err
	}
	stats, err := v.diffCounts(from, to, v.query["table"])
	l := &list{}
	for _, c := range stats {
		err = errors.Join(err, l.add(line(c), ""))
	}
	return v.answerList(a, l, err)
}

// diffCounts counts the rows that differ, by table.
func (v *visit) diffCounts(from, to, tableName string) ([]shape.DiffStat, error) {
	var out []shape.DiffStat
	err := v.repo.Diff(v.ctx, from, to, tableName, func(d repo.Difference) error {
		at, found := slices.BinarySearchFunc(out, d.Table, func(s shape.DiffStat, name string) int {
			return strings.Compare(s.Table, name)
		})
		if !found {
			out = slices.Insert(out, at, shape.DiffStat{Table: d.Table})
		}
		switch {
		case d.Schema:
		case d.Kind == repo.Added:
			out[at].Added++
		case d.Kind == repo.Removed:
			out[at].Removed++
		default:
			out[at].Changed++
		}
		return nil
	})
	return out, err
}

func (v *visit) excluded() (answer, error) {
	return listCounted(v, v.repo.Excluded, func(x repo.Exclusion) any { return shape.OfExclusions([]repo.Exclusion{x})[0] })
}

func (v *visit) conflicts() (answer, error) {
	return listCounted(v, v.repo.Conflicts, func(c repo.Conflict) any { return shape.OfListed(c) })
}

// listCounted answers with what is to be said about a revision, item by item. A cursor says how
// many of them have been told.
func listCounted[T any](v *visit, each func(ctx context.Context, rev string, fn func(T) error) error, shaped func(T) any) (answer, error) {
	a, l, at, place, err := v.listAbout("rev")
	if err != nil {
		return a, err
	}
	skip, err := counted(place)
	if err != nil {
		return answer{}, err
	}
	n := 0
	err = each(v.ctx, at, func(item T) error {
		if n++; n <= skip {
			return nil
		}
		return l.add(line(shaped(item)), strconv.Itoa(n))
	})
	return v.answerList(a, l, err)
}

// number is a number among the parameters, from 1 to most.
func (v *visit) number(name string, usual, most int) (int, error) {
	if v.query[name] == "" {
		return usual, nil
	}
	n, err := strconv.Atoi(v.query[name])
	if err != nil || n < 1 || n > most {
		return 0, usage(fmt.Sprintf("%s is a number from 1 to %d", name, most))
	}
	return n, nil
}
