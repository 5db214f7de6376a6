package gateway

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"aergo/repo/object"
)

// Options are what a gateway gets from outside.
type Options struct {
	Repositories Repositories
	Access       Access
	// Submissions lets identities submit to repositories that take it: those that implement
	// repo.Submitter. Otherwise there is no such address.
	Submissions bool
	// Lines signs and submits operations for identities whose keys it has; nil is nobody.
	Lines LineSubmitter
	// Hosts are the names that requests may be addressed to, without ports; none is any. A
	// gateway on a loopback address names what it is known by, so that no other site can
	// lead a browser to it under a name of its own.
	Hosts []string
	// MaxRequests bounds how many requests are answered at a time: 64 if it is 0.
	MaxRequests int
	// MaxPerClient bounds how many of them come from one address: 16 if it is 0.
	MaxPerClient int
	// MaxSubmitBytes bounds what is submitted at once: 16 MiB if it is 0.
	MaxSubmitBytes int64
	// Timeout bounds how long an answer may take, its way to the client not included: 30
	// seconds if it is 0.
	Timeout time.Duration
	// Report is told of each request that has been answered; nil is nobody. It must be safe
	// for concurrent use.
	Report func(Report)
}

// Report is what became of a request.
type Report struct {
	Who        object.Identity // zero for anybody
	Client     string          // the address
	Method     string
	Route      string // "log", "page log", "object": one of few words; empty if there is none
	Repository string // empty if none was named, or it may not be known of
	Status     int
	SizeBytes  int64 // of the answer
	Elapsed    time.Duration
	Err        error // why Status is not a success; nil if it is
}

func (o Options) withDefaults() Options {
	if o.MaxRequests <= 0 {
		o.MaxRequests = 64
	}
	if o.MaxPerClient <= 0 {
		o.MaxPerClient = 16
	}
	if o.MaxSubmitBytes <= 0 {
		o.MaxSubmitBytes = 16 << 20
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Report == nil {
		o.Report = func(Report) {}
	}
	return o
}

// Gateway is an http.Handler over repositories. It is safe for concurrent use.
type Gateway struct {
	opts   Options
	pages  *pages
	routes map[string]route // by kind and name
	gate   *gate
	reach  *reaches
}

// New returns a gateway.
func New(opts Options) (*Gateway, error) {
	if opts.Repositories == nil || opts.Access == nil {
		return nil, errors.New("gateway: it needs repositories and access")
	}
	opts = opts.withDefaults()
	pages, err := newPages()
	if err != nil {
		return nil, err
	}
	g := &Gateway{opts: opts, pages: pages, routes: map[string]route{}, gate: newGate(opts.MaxRequests, opts.MaxPerClient), reach: newReaches()}
	for _, rt := range append(apiRoutes(), pageRoutes()...) {
		if rt.submission && !opts.Submissions {
			continue
		}
		g.routes[rt.key()] = rt
	}
	return g, nil
}

// Server limits, of one connection.
const (
	maxHeaderBytes    = 16 << 10
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = time.Minute
	writeTimeout      = time.Minute // on top of Options.Timeout
	bodyTimeout       = time.Minute
)

// Server returns a server that answers with the gateway, with limits for headers and times. The
// caller gives it a listener.
func (g *Gateway) Server() *http.Server {
	return &http.Server{
		Handler: g, MaxHeaderBytes: maxHeaderBytes, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: bodyTimeout,
		WriteTimeout: g.opts.Timeout + writeTimeout, IdleTimeout: idleTimeout,
	}
}

// ServeHTTP implements http.Handler.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(r.Context(), g.opts.Timeout)
	defer cancel()
	v := &visit{g: g, ctx: ctx, req: r.WithContext(ctx)}
	defer v.close()
	var a answer
	leave, err := g.gate.enter(ctx, clientOf(r))
	if err == nil {
		defer leave()
		a, err = v.answer(w)
	}
	switch {
	case errors.Is(err, errNotModified):
		a.status = http.StatusNotModified
	case err != nil:
		a = v.failed(err)
	case a.status == 0:
		a.status = http.StatusOK
	}
	status, size := v.write(w, a)
	report := Report{
		Who: v.who, Client: clientOf(r), Method: r.Method, Route: v.route.name, Repository: v.known, Status: status, SizeBytes: size,
		Elapsed: time.Since(began),
	}
	if v.route.page {
		report.Route = "page " + report.Route
	}
	if status >= http.StatusBadRequest {
		report.Err = err
	}
	g.opts.Report(report)
}

// answer finds out what is asked, and by whom, and answers it.
func (v *visit) answer(w http.ResponseWriter) (answer, error) {
	r := v.req
	if len(v.g.opts.Hosts) > 0 && !slices.Contains(v.g.opts.Hosts, hostName(r.Host)) {
		return answer{}, &requestError{http.StatusMisdirectedRequest, "misdirected", "this gateway is not known by that name", ""}
	}
	// Pages are for browsers, whatever goes wrong on the way to them.
	v.route.page = !strings.HasPrefix(r.URL.Path, apiPrefix)
	rt, name, rest, ok := v.g.find(r.URL.Path)
	if !ok {
		return answer{}, errNoPage
	}
	v.route, v.rest = rt, rest
	switch {
	case rt.post && r.Method != http.MethodPost:
		return answer{}, &requestError{http.StatusMethodNotAllowed, "method", "this address takes POST alone", ""}
	case !rt.post && r.Method != http.MethodGet && r.Method != http.MethodHead:
		return answer{}, &requestError{http.StatusMethodNotAllowed, "method", "this address takes GET and HEAD alone", ""}
	}
	if err := v.readQuery(); err != nil {
		return answer{}, err
	}
	who, bearer, err := v.g.identify(r)
	if err != nil {
		return answer{}, err
	}
	v.who, v.bearer = who, bearer
	if rt.repository {
		if err := v.open(name); err != nil {
			return answer{}, err
		}
	}
	if rt.post {
		r.Body = http.MaxBytesReader(w, r.Body, v.g.opts.MaxSubmitBytes)
	}
	return rt.handle(v)
}

// hostName is the host of a request without its port.
func hostName(host string) string {
	if at := strings.LastIndexByte(host, ':'); at >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:at]
	}
	return strings.ToLower(strings.Trim(host, "[]"))
}
