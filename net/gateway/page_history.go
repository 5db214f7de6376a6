package gateway

import (
	"bytes"
	"errors"
	"html/template"
	"slices"
	"strconv"
	"time"

	"aergo/repo"
	"aergo/repo/diagram"
	"aergo/repo/object"
	"aergo/repo/ref"
)

// How much pages show at a time.
const (
	homePageSize    = 50
	recentBlocks    = 8
	historyPageSize = 50
	blockRows       = 100
	diffPageSize    = 200
	blockExclusions = 50
)

// homeItem is a repository on the first page.
type homeItem struct {
	Name     string
	Branches int
	Tags     int
	Height   uint64
	Time     time.Time
	Message  string
	Problem  string
}

type homeMain struct {
	Items []homeItem
	Next  string // the page that goes on, if one does
}

func (v *visit) homePage() (answer, error) {
	var m homeMain
	err := v.eachRepository(v.query["after"], func(name string) error {
		if len(m.Items) == homePageSize {
			m.Next = m.Items[len(m.Items)-1].Name
			return errFull
		}
		m.Items = append(m.Items, v.homeItem(name))
		return nil
	})
	if err != nil && !errors.Is(err, errFull) {
		return answer{}, err
	}
	return v.render(answer{}, "home", frame{Title: "Repositories", Main: m})
}

// homeItem looks at a repository. One that is damaged does not keep the others from being seen.
func (v *visit) homeItem(name string) homeItem {
	item := homeItem{Name: name}
	one := visit{g: v.g, ctx: v.ctx, req: v.req, who: v.who}
	defer one.close()
	err := one.open(name)
	if err == nil {
		item.Branches, item.Tags = len(one.branches), len(one.tags)
		var b repo.Block
		if b, err = one.repo.Show(v.ctx, one.homeRevision()); err == nil {
			item.Height, item.Time, item.Message = b.Height, b.Time, messageOf(b)
		}
	}
	if err != nil {
		item.Problem = v.problem(err).Message
	}
	return item
}

// homeRevision is the head that the repository's pages begin with.
func (v *visit) homeRevision() string {
	if b, ok := v.homeBranch(); ok {
		return b.Head.String()
	}
	return v.home
}

// messageOf says what a block is about.
func messageOf(b repo.Block) string {
	switch {
	case len(b.Orders) > 0 && b.Orders[0].Message != "":
		return b.Orders[0].Message
	case len(b.Batches) > 0:
		return b.Batches[0].Message
	case len(b.Parents) == 0:
		return "The first block"
	}
	return "No transactions"
}

// authorOf says whose a block is.
func authorOf(b repo.Block) string {
	switch {
	case len(b.Orders) > 0 && (len(b.Parents) > 1 || len(b.Batches) == 0):
		return b.Orders[0].Signer.Name
	case len(b.Batches) > 0:
		return b.Batches[0].Author.Name
	}
	return b.Producer.Name
}

// branchItem is a branch on the overview.
type branchItem struct {
	Name     string
	Home     bool
	Head     object.Hash
	Height   uint64
	Time     time.Time
	Message  string
	Excluded int
	Logic    string
}

type overviewMain struct {
	Branches  []branchItem
	Tags      []ref.Tag
	Tables    []repo.Table
	Contracts []repo.Contract
	Steps     []graphStep
	Head      object.Hash
	More      int // branches that are not listed
}

// maxOverview bounds the branches, tags and contracts on the overview.
const maxOverview = 100

func (v *visit) overviewPage() (answer, error) {
	a, err := v.beginPage()
	if err != nil {
		return a, err
	}
	m := overviewMain{Tags: v.tags[:min(len(v.tags), maxOverview)]}
	for i, b := range v.branches {
		if i == maxOverview {
			m.More = len(v.branches) - i
			break
		}
		item, err := v.branchItem(b)
		if err != nil {
			return answer{}, err
		}
		m.Branches = append(m.Branches, item)
	}
	head, err := v.block(v.homeRevision())
	if err != nil {
		return answer{}, err
	}
	m.Head = head.ID
	at := head.ID.String()
	if m.Tables, err = v.repo.Tables(v.ctx, at); err != nil {
		return answer{}, err
	}
	err = v.repo.Contracts(v.ctx, at, func(c repo.Contract) error {
		if len(m.Contracts) == maxOverview {
			return errFull
		}
		m.Contracts = append(m.Contracts, c)
		return nil
	})
	if err != nil && !errors.Is(err, errFull) && !isLacking(err) {
		return answer{}, err
	}
	if m.Steps, _, _, err = v.labelledGraph(history{heads: v.heads()}, recentBlocks); err != nil {
		return answer{}, err
	}
	return v.render(a, "overview", frame{Title: v.name, Main: m})
}

func (v *visit) branchItem(b ref.Branch) (branchItem, error) {
	block, err := v.repo.Show(v.ctx, b.Head.String())
	if err != nil {
		return branchItem{}, err
	}
	item := branchItem{
		Name: string(b.Name), Home: v.isHome(b), Head: b.Head, Height: block.Height, Time: block.Time, Message: messageOf(block),
		Excluded: len(block.Excluded),
	}
	logic, err := v.repo.MergeLogic(v.ctx, b.Name)
	if logic != nil {
		item.Logic = logic.Name
	}
	return item, err
}

// heads are the heads of the branches, the repository's own first, each once.
func (v *visit) heads() []object.Hash {
	var out []object.Hash
	seen := map[object.Hash]bool{}
	add := func(h object.Hash) {
		if !seen[h] && len(out) < maxHeads {
			out = append(out, h)
		}
		seen[h] = true
	}
	if b, ok := v.homeBranch(); ok {
		add(b.Head)
	}
	for _, b := range v.branches {
		add(b.Head)
	}
	return out
}

// maxHeads bounds the branches whose history is drawn together.
const maxHeads = 64

// labelledGraph is graphOf with the names of the blocks.
func (v *visit) labelledGraph(h history, most int) (steps []graphStep, below history, ok bool, err error) {
	steps, below, ok, err = v.graphOf(h, most)
	labels := v.labels()
	for i := range steps {
		steps[i].Labels = labels[steps[i].Block.ID]
	}
	return steps, below, ok, err
}

type historyMain struct {
	Steps []graphStep
	Next  string
	Rev   string
	Heads int // of branches that are not drawn
}

func (v *visit) historyPage() (answer, error) {
	a, err := v.beginPage()
	if err != nil {
		return a, err
	}
	m := historyMain{Rev: v.query["rev"]}
	h, err := v.historyAsked()
	if err != nil {
		return answer{}, err
	}
	steps, below, more, err := v.labelledGraph(h, historyPageSize)
	if err != nil {
		return answer{}, err
	}
	m.Steps = steps
	if more {
		c := cursor{Place: strconv.Itoa(len(below.lanes))}
		for _, id := range slices.Concat(below.lanes, below.heads) {
			c.Blocks = append(c.Blocks, id.String())
		}
		m.Next = c.String()
	}
	return v.render(a, "history", frame{Title: "History", At: v.query["rev"], Main: m})
}

// historyAsked is what the page before has left, or the history of a revision or of all branches.
func (v *visit) historyAsked() (h history, err error) {
	text := v.query["cursor"]
	if text == "" {
		if v.query["rev"] == "" {
			return history{heads: v.heads()}, nil
		}
		b, err := v.block(v.query["rev"])
		return history{heads: []object.Hash{b.ID}}, err
	}
	c, err := decodeCursor(text)
	if err != nil || len(c.Blocks) > 2*maxHeads {
		return h, errBadCursor
	}
	lanes, err := strconv.Atoi(c.Place)
	if err != nil || lanes < 0 || lanes > len(c.Blocks) {
		return h, errBadCursor
	}
	blocks := make([]object.Hash, len(c.Blocks))
	for i, word := range c.Blocks {
		if id, err := object.ParseHash(word); err == nil && id.IsZero() {
			continue // a free lane
		}
		b, err := v.block(word)
		if err != nil {
			return h, err
		}
		blocks[i] = b.ID
	}
	return history{blocks[:lanes], blocks[lanes:]}, nil
}

type blockMain struct {
	repo.Block
	Labels    []named
	Author    string
	Message   string
	Body      string // of the message, below its first line
	Parent    object.Hash
	Shown     []repo.Exclusion
	More      int // exclusions that are not listed
	Changes   []tableDiff
	Truncated bool
	Tree      template.HTML
	Schedule  *repo.Schedule
}

func (v *visit) blockPage() (answer, error) {
	a, err := v.beginPage()
	if err != nil {
		return a, err
	}
	b, err := v.block(v.query["rev"])
	if err != nil {
		return answer{}, err
	}
	at := b.ID.String()
	m := blockMain{}
	if m.Block, err = v.repo.Show(v.ctx, at); err != nil {
		return answer{}, err
	}
	m.Labels, m.Author, m.Message = v.labels()[b.ID], authorOf(m.Block), messageOf(m.Block)
	m.Shown = m.Block.Excluded[:min(len(m.Block.Excluded), blockExclusions)]
	m.More = len(m.Block.Excluded) - len(m.Shown)
	if !b.Parent.IsZero() {
		m.Parent = b.Parent
		found, err := v.changes(b.Parent.String(), at, "", 0, blockRows)
		if err != nil && !isLacking(err) {
			return answer{}, err
		}
		m.Changes, m.Truncated = found.tables, found.more
	}
	if m.Schedule, m.Tree, err = v.drawn(at, workersUsual); err != nil && !isLacking(err) {
		return answer{}, err
	}
	return v.render(a, "block", frame{Title: "Block " + b.ID.Short(), At: v.query["rev"], Page: "history", Main: m})
}

// drawn is the tree of a block, as a part of a page.
func (v *visit) drawn(at string, workers int) (*repo.Schedule, template.HTML, error) {
	s, err := v.repo.Schedule(v.ctx, at)
	if err != nil || s.Transactions == 0 {
		return &s, "", err
	}
	var out bytes.Buffer
	if err := diagram.Draw(&out, s, diagram.Options{Workers: workers, Inline: true}); err != nil {
		return &s, "", err
	}
	return &s, template.HTML(out.String()), nil //nolint:gosec // diagram escapes what strangers wrote
}

type treeMain struct {
	Schedule *repo.Schedule
	Tree     template.HTML
	Workers  int
	Choices  []int
	Lines    []diagram.Line
	Hot      []hotItem
	Speed    []speedItem
}

type hotItem struct {
	Letter, Row, Fields string
	Count               int
}

type speedItem struct {
	Workers int
	Times   float64
}

func (v *visit) treePage() (answer, error) {
	workers, err := v.number("workers", workersUsual, diagram.WorkersMax)
	if err != nil {
		return answer{}, err
	}
	a, err := v.beginPage()
	if err != nil {
		return a, err
	}
	b, err := v.block(v.query["rev"])
	if err != nil {
		return answer{}, err
	}
	m := treeMain{Workers: workers, Choices: []int{1, 2, 4, 8, 16, 32, 64}}
	if m.Schedule, m.Tree, err = v.drawn(b.ID.String(), workers); err != nil {
		return answer{}, err
	}
	if m.Schedule.Transactions > 0 {
		view := diagram.NewView(*m.Schedule)
		m.Lines = view.Lines
		for _, row := range view.Hot {
			m.Hot = append(m.Hot, hotItem{view.Letters[row.ScheduleRow], diagram.ShortRowName(row.ScheduleRow), joined(row.Fields), row.Transactions})
		}
	}
	for _, n := range []int{2, 4, 8, 16} {
		m.Speed = append(m.Speed, speedItem{n, float64(m.Schedule.Work) / float64(max(m.Schedule.Makespan[n], 1))})
	}
	return v.render(a, "tree", frame{Title: "Tree of " + b.ID.Short(), At: v.query["rev"], Page: "history", Main: m})
}
