package gateway

import (
	"strings"

	"aergo/repo/ref"
)

// The addresses begin with these.
const (
	apiPrefix    = "/api/v1/"
	pagePrefix   = "/r/"
	staticPrefix = "/static/"
)

// route is an address.
type route struct {
	name       string // of the verb or page
	page       bool   // for people
	repository bool   // it is about one
	post       bool   // it takes something in
	submission bool   // it is about submissions
	rest       bool   // something stands behind the name
	params     []string
	handle     func(v *visit) (answer, error)
}

func (rt route) key() string {
	switch {
	case rt.page && rt.repository:
		return "page of " + rt.name
	case rt.page:
		return "page " + rt.name
	case rt.repository:
		return "of " + rt.name
	}
	return rt.name
}

// apiRoutes are the addresses of the API. API.md has each of them.
func apiRoutes() []route {
	about := func(name string, handle func(v *visit) (answer, error), params ...string) route {
		return route{name: name, repository: true, handle: handle, params: params}
	}
	object := about("objects", (*visit).object)
	object.rest = true
	submit := about("submit", (*visit).submit, "branch", "wait")
	submit.post, submit.submission = true, true
	submission := about("submission", (*visit).submission, "branch", "batch", "wait")
	submission.submission = true
	return []route{
		{name: "repositories", handle: (*visit).repositories, params: []string{"limit", "cursor"}},
		about("status", (*visit).status),
		about("branches", (*visit).branchList),
		about("tags", (*visit).tagList),
		about("resolve", (*visit).resolved, "rev"),
		about("log", (*visit).log, "rev", "excluded", "limit", "cursor"),
		about("show", (*visit).show, "rev"),
		about("diff", (*visit).diff, "from", "to", "table", "limit", "cursor"),
		about("diffstat", (*visit).diffStat, "from", "to", "table"),
		about("tables", (*visit).tables, "at"),
		about("schema", (*visit).schema, "table", "at"),
		about("rows", (*visit).rows, "table", "at", "from", "limit", "cursor"),
		about("get", (*visit).get, "table", "key", "at"),
		about("blame", (*visit).blame, "table", "key", "at"),
		about("excluded", (*visit).excluded, "rev", "limit", "cursor"),
		about("conflicts", (*visit).conflicts, "rev", "limit", "cursor"),
		about("transaction", (*visit).transaction, "tx"),
		about("why", (*visit).why, "tx"),
		about("dtt", (*visit).schedule, "rev"),
		about("dtt.svg", (*visit).drawing, "rev", "workers"),
		about("contracts", (*visit).contracts, "at"),
		about("contract", (*visit).contract, "name", "at"),
		object,
		submit,
		submission,
	}
}

// find returns the route of a path, the repository that it names, and what stands behind.
func (g *Gateway) find(path string) (rt route, repository, rest string, ok bool) {
	key := ""
	switch {
	case path == "/":
		key = "page home"
	case strings.HasPrefix(path, staticPrefix):
		key, rest = "page static", strings.TrimPrefix(path, staticPrefix)
	case path == "/signin":
		key = "page " + path[1:]
	case path == apiPrefix+"repositories":
		key = "repositories"
	case strings.HasPrefix(path, apiPrefix+"repositories/"):
		var name string
		repository, name, rest = splitPath(strings.TrimPrefix(path, apiPrefix+"repositories/"))
		key = "of " + name
	case strings.HasPrefix(path, pagePrefix):
		var name string
		repository, name, rest = splitPath(strings.TrimPrefix(path, pagePrefix))
		if name == "" {
			name = "overview"
		}
		key = "page of " + name
	}
	rt, ok = g.routes[key]
	return rt, repository, rest, ok && (rest == "" || rt.rest)
}

// splitPath splits NAME/-/VERB/REST, where NAME may have slashes: no part of a repository's
// name is a dash.
func splitPath(path string) (repository, name, rest string) {
	repository, tail, _ := strings.Cut(strings.TrimSuffix(path, "/"), "/-/")
	name, rest, _ = strings.Cut(tail, "/")
	return repository, name, rest
}

// maxRepositoryParts bounds the parts of a repository's name.
const maxRepositoryParts = 8

// isRepositoryName says whether a name may be looked up: names with slashes between them.
func isRepositoryName(name string) bool {
	parts := strings.Split(name, "/")
	for _, part := range parts {
		if ref.Name(part).Check() != nil {
			return false
		}
	}
	return len(parts) <= maxRepositoryParts
}
