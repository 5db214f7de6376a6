package gateway

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/words"
)

const (
	jsonType  = "application/json; charset=utf-8"
	linesType = "application/x-ndjson; charset=utf-8"
	pageType  = "text/html; charset=utf-8"
	svgType   = "image/svg+xml; charset=utf-8"
	bytesType = "application/octet-stream"
)

// Limits of what is asked.
const (
	maxPathBytes  = 2 << 10
	maxQueryBytes = 8 << 10
)

// visit is a request on its way.
type visit struct {
	g      *Gateway
	ctx    context.Context
	req    *http.Request
	route  route
	rest   string // what stands behind the route
	query  map[string]string
	who    object.Identity
	bearer bool

	// Of a repository:
	name    string
	known   string // its name, once who asks may know of it
	repo    Repository
	release func()
	scope
}

func (v *visit) close() {
	if v.release != nil {
		v.release()
	}
}

// readQuery reads the parameters, of which each may stand once, and none that the route does
// not know.
func (v *visit) readQuery() error {
	if len(v.req.URL.Path) > maxPathBytes || len(v.req.URL.RawQuery) > maxQueryBytes {
		return &requestError{http.StatusRequestURITooLong, "too-large", "the address is too long", ""}
	}
	values, err := url.ParseQuery(v.req.URL.RawQuery)
	if err != nil {
		return usage("the parameters cannot be read")
	}
	v.query = map[string]string{}
	for name, list := range values {
		switch {
		case !slices.Contains(v.route.params, name):
			return usage("no parameter is called " + quoted(name) + " here")
		case len(list) != 1:
			return usage("parameter " + name + " stands more than once")
		case !utf8.ValidString(list[0]):
			return usage("parameter " + name + " is not UTF-8")
		}
		v.query[name] = list[0]
	}
	return nil
}

// open finds the repository, if who asks may know of it.
func (v *visit) open(name string) error {
	v.name = name
	if !isRepositoryName(name) {
		return errNoRepository(name)
	}
	r, release, err := v.g.opts.Repositories.Open(v.ctx, name)
	if err != nil && !errors.Is(err, repo.ErrNoRepository) {
		return err
	}
	if err == nil {
		v.repo, v.release = r, release
	}
	missing := err != nil
	v.scope, err = v.g.scopeOf(v.ctx, v.who, name, v.repo)
	if errors.Is(err, ErrDenied) || err == nil && missing {
		return errNoRepository(name)
	}
	if err != nil {
		return err
	}
	v.known = name
	return nil
}

// mandatory returns a parameter that must be there.
func (v *visit) mandatory(name string) (string, error) {
	if v.query[name] == "" {
		return "", usage("parameter " + name + " is missing")
	}
	return v.query[name], nil
}

// answer is what is sent.
type answer struct {
	status      int // 200 if it is 0
	contentType string
	body        []byte
	etag        string // with quotes; none if it is empty
	immutable   bool   // it is so for good
	transient   bool   // nobody may keep it
	ranges      bool   // parts of it may be asked for
	header      [][2]string
	policy      string // of its content, if it is not the usual one
}

// errNotModified is an answer that who asks has already.
var errNotModified = errors.New("not modified")

// fresh fails with errNotModified if who asks has what the tag names.
func (v *visit) fresh(etag string) error {
	for _, header := range v.req.Header.Values("If-None-Match") {
		for tag := range strings.SplitSeq(header, ",") {
			if tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/"); tag == "*" || tag == etag {
				return errNotModified
			}
		}
	}
	return nil
}

// policy lets pages use what the gateway itself serves, and nothing else.
const (
	pagePolicy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	dataPolicy = "default-src 'none'; frame-ancestors 'none'; sandbox"
)

func (v *visit) write(w http.ResponseWriter, a answer) (status int, sizeBytes int64) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Vary", "Accept, Authorization")
	policy := a.policy
	if policy == "" {
		policy = dataPolicy
		if a.contentType == pageType {
			policy = pagePolicy
		}
	}
	if a.status != http.StatusNotModified {
		h.Set("Content-Security-Policy", policy) // what a browser keeps has its own
	}
	keep := "public"
	if v.who != (object.Identity{}) {
		keep = "private"
	}
	switch {
	case a.transient:
		h.Set("Cache-Control", "no-store")
	case a.immutable:
		h.Set("Cache-Control", keep+", max-age="+lifetime(a)+", immutable")
	default:
		h.Set("Cache-Control", keep+", no-cache")
	}
	if a.etag != "" {
		h.Set("ETag", a.etag)
	}
	for _, x := range a.header {
		h.Set(x[0], x[1])
	}
	if a.status == http.StatusNotModified {
		w.WriteHeader(a.status)
		return a.status, 0
	}
	h.Set("Content-Type", a.contentType)
	if a.ranges {
		counted := &countedWriter{ResponseWriter: w, status: http.StatusOK}
		http.ServeContent(counted, v.req, "", time.Time{}, bytes.NewReader(a.body))
		return counted.status, counted.n
	}
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	if v.req.Method == http.MethodHead {
		return a.status, 0
	}
	n, _ := w.Write(a.body) // whoever does not read it has gone
	return a.status, int64(n)
}

// countedWriter counts what is sent.
type countedWriter struct {
	http.ResponseWriter
	status int
	n      int64
}

func (w *countedWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *countedWriter) Write(b []byte) (int, error) {
	n, err := w.ResponseWriter.Write(b)
	w.n += int64(n)
	return n, err
}

// quoted is a name that strangers wrote, in a sentence.
func quoted(name string) string {
	const most = 200
	if len(name) > most {
		name = strings.ToValidUTF8(name[:most], "") + "..."
	}
	return `"` + words.Clean(name) + `"`
}

// branchNamed returns a branch that who asks may read.
func (v *visit) branchNamed(name ref.Name) (ref.Branch, bool) {
	for _, b := range v.branches {
		if b.Name == name {
			return b, true
		}
	}
	return ref.Branch{}, false
}

// lifetime is for how many seconds an answer that never changes may be kept: an object for
// good, what is told of it for a day, since what is told may grow.
func lifetime(a answer) string {
	if a.ranges {
		return "31536000"
	}
	return "86400"
}
