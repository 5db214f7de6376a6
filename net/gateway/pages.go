package gateway

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"aergo/repo"
	"aergo/repo/diagram"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/shape"
	"aergo/repo/words"
)

// webFiles are the pages: templates, which stay here, and what browsers get as it is.
//
//go:embed web
var webFiles embed.FS

// pages are the templates, ready, and the static files.
type pages struct {
	templates map[string]*template.Template
	static    map[string][]byte
	digest    string // of all of it
}

func newPages() (*pages, error) {
	p := &pages{templates: map[string]*template.Template{}, static: map[string][]byte{}}
	sum := sha256.New()
	var names []string
	err := fs.WalkDir(webFiles, "web", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := webFiles.ReadFile(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%s %d\n%s", name, len(data), data)
		if path.Ext(name) == ".html" {
			names = append(names, name)
		} else {
			p.static[path.Base(name)] = data
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	p.static["app.css"] = append(p.static["app.css"], "\nsvg.dtt {\n"+diagram.Style+"}\n"...)
	sum.Write([]byte(diagram.Style))
	p.digest = hex.EncodeToString(sum.Sum(nil)[:6])
	base, err := template.New("").Funcs(p.functions()).ParseFS(webFiles, "web/layout.html", "web/parts.html")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if base.Lookup(path.Base(name)) != nil {
			continue
		}
		t, err := base.Clone()
		if err != nil {
			return nil, err
		}
		if t, err = t.ParseFS(webFiles, name); err != nil {
			return nil, err
		}
		p.templates[strings.TrimSuffix(path.Base(name), ".html")] = t
	}
	return p, nil
}

// functions are what templates may call.
func (p *pages) functions() template.FuncMap {
	return template.FuncMap{
		"asset":   func(name string) string { return staticPrefix + p.digest + "/" + name },
		"link":    link,
		"short":   func(h object.Hash) string { return h.Short() },
		"number":  func(n uint64) string { return words.Number(int64(min(n, 1<<62))) },
		"count":   func(n uint64, one, many string) string { return words.Count(int64(min(n, 1<<62)), one, many) },
		"clean":   words.Clean,
		"first":   func(message string) string { return words.Clean(words.FirstLine(message)) },
		"subject": messageOf,
		"author":  authorOf,
		"txid":    shape.TxID,
		"keyText": keyText,
		"args":    arguments,
		"rowAt":   rowAt,
		"uint":    func(n int) uint64 { return uint64(max(n, 0)) },
		"stamp":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"when":    func(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04") },
	}
}

// link is the address of a page of a repository, with parameters in pairs; those without a
// value are left away.
func link(repository, page string, pairs ...any) string {
	var address strings.Builder
	address.WriteString(pagePrefix + repository)
	if page != "" {
		address.WriteString("/-/" + page)
	}
	mark := "?"
	for i := 0; i+1 < len(pairs); i += 2 {
		value := fmt.Sprint(pairs[i+1])
		if value == "" {
			continue
		}
		address.WriteString(mark + fmt.Sprint(pairs[i]) + "=" + url.QueryEscape(value))
		mark = "&"
	}
	return address.String()
}

// arguments are what a part of a page is given, by name.
func arguments(pairs ...any) (map[string]any, error) {
	out := map[string]any{"Table": ""}
	for i := 0; i+1 < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("argument %d of a part is no name", i)
		}
		out[name] = pairs[i+1]
	}
	return out, nil
}

// rowAt is the block at which a row of a difference can be looked at: one that was removed,
// before.
func rowAt(part map[string]any, kind repo.DifferenceKind) any {
	if kind == repo.Removed {
		return part["Before"]
	}
	return part["At"]
}

// frame is what every page has.
type frame struct {
	Title      string
	Repository string
	Page       string // which of the tabs is open
	Who        string // signed in; empty for anybody
	At         string // the revision that is looked at, if one was named
	Names      []named
	Query      string
	Main       any
}

// named is a branch or tag to choose.
type named struct {
	Name   string
	Tag    bool
	Chosen bool
}

// pageRoutes are the addresses of pages.
func pageRoutes() []route {
	page := func(name string, handle func(v *visit) (answer, error), params ...string) route {
		return route{name: name, page: true, repository: true, handle: handle, params: params}
	}
	static := route{name: "static", page: true, rest: true, handle: (*visit).static}
	return []route{
		static,
		{name: "home", page: true, handle: (*visit).homePage, params: []string{"after"}},
		{name: "signin", page: true, handle: (*visit).signIn},
		page("overview", (*visit).overviewPage),
		page("history", (*visit).historyPage, "rev", "cursor"),
		page("block", (*visit).blockPage, "rev"),
		page("diff", (*visit).diffPage, "from", "to", "table", "cursor"),
		page("tree", (*visit).treePage, "rev", "workers"),
		page("table", (*visit).tablePage, "table", "at", "from", "cursor"),
		page("row", (*visit).rowPage, "table", "key", "at"),
		page("excluded", (*visit).excludedPage, "rev", "cursor"),
		page("tx", (*visit).txPage, "tx"),
		page("contract", (*visit).contractPage, "name", "at"),
		page("search", (*visit).searchPage, "q"),
	}
}

// beginPage begins a page about a repository, which changes when a branch, a tag or the
// gateway does.
func (v *visit) beginPage() (answer, error) {
	version := fmt.Sprintf("page-%s-%s", v.g.pages.digest, v.refs)
	if v.who != (object.Identity{}) {
		version += "-" + hex.EncodeToString(v.who.Key[:4])
	}
	return v.begin(false, version)
}

// render fills a page in.
func (v *visit) render(a answer, name string, f frame) (answer, error) {
	f.Repository, f.Who = v.known, v.who.Name
	if f.Page == "" {
		f.Page = name
	}
	f.Names = v.choices(f.At)
	var out bytes.Buffer
	if err := v.g.pages.templates[name].ExecuteTemplate(&out, "layout.html", f); err != nil {
		return answer{}, err
	}
	a.contentType, a.body = pageType, out.Bytes()
	return a, nil
}

// maxChoices bounds the branches and tags that are offered to choose from.
const maxChoices = 200

func (v *visit) choices(at string) []named {
	var out []named
	for _, b := range v.branches {
		out = append(out, named{Name: string(b.Name), Chosen: string(b.Name) == at})
	}
	for _, t := range v.tags {
		out = append(out, named{Name: string(t.Name), Tag: true, Chosen: string(t.Name) == at})
	}
	out = out[:min(len(out), maxChoices)]
	if at != "" && !slices.ContainsFunc(out, func(n named) bool { return n.Chosen }) {
		out = append([]named{{Name: at, Chosen: true}}, out...)
	}
	return out
}

// errorPage is a problem for people.
func (v *visit) errorPage(p explained) ([]byte, error) {
	f := frame{Title: http.StatusText(p.Status), Main: p, Page: "error"}
	a, err := v.render(answer{}, "error", f)
	return a.body, err
}

func (v *visit) static() (answer, error) {
	digest, name, _ := strings.Cut(v.rest, "/")
	data, known := v.g.pages.static[name]
	if !known || digest != v.g.pages.digest {
		return answer{}, errNoPage
	}
	a := answer{contentType: mime.TypeByExtension(path.Ext(name)), body: data, etag: `"` + digest + `"`, immutable: true}
	if a.contentType == "" {
		a.contentType = bytesType
	}
	return a, v.fresh(a.etag)
}

// signIn asks a browser for a token. It does not lead on: a browser would go there without it.
func (v *visit) signIn() (answer, error) {
	if v.who == (object.Identity{}) {
		return answer{}, errNoToken
	}
	return v.render(answer{transient: true}, "signin", frame{Title: "Signed in"})
}

// labels are the names of blocks.
func (v *visit) labels() map[object.Hash][]named {
	out := map[object.Hash][]named{}
	for _, b := range v.branches {
		out[b.Head] = append(out[b.Head], named{Name: string(b.Name)})
	}
	for _, t := range v.tags {
		out[t.Block] = append(out[t.Block], named{Name: string(t.Name), Tag: true})
	}
	return out
}

// homeBranch is the branch that the repository's pages begin with.
func (v *visit) homeBranch() (ref.Branch, bool) {
	for _, b := range v.branches {
		if v.isHome(b) {
			return b, true
		}
	}
	if len(v.branches) == 0 {
		return ref.Branch{}, false
	}
	return v.branches[0], true
}

// Limits of a text on a page.
const (
	maxCellRunes = 400
	maxTextBytes = 64 << 10
)

// shown is a text that strangers wrote, as it stands on a page: one line that does nothing.
func shown(text string) string {
	if len(text) > 4*maxCellRunes {
		text = strings.ToValidUTF8(text[:4*maxCellRunes], "")
	}
	if runes := []rune(text); len(runes) > maxCellRunes {
		text = string(runes[:maxCellRunes]) + "…"
	}
	return words.Clean(text)
}
