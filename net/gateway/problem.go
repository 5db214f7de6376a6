package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"aergo/net/problem"
	"aergo/repo"
)

// requestError is a request that makes no sense here, or that cannot be answered now.
type requestError struct {
	status              int
	code, message, hint string
}

func (e *requestError) Error() string { return e.message }

// usage returns an error about what was asked.
func usage(message string) error {
	return &requestError{http.StatusBadRequest, "usage", message, "see API.md for what each address takes"}
}

var (
	errNoPage   = &requestError{http.StatusNotFound, "not-found", "there is nothing at this address", "/ lists the repositories for people, /api/v1/repositories for programs"}
	errBadToken = &requestError{http.StatusUnauthorized, "unauthenticated", "the token is not known here", "send it as Authorization: Bearer TOKEN"}
	errNoToken  = &requestError{http.StatusUnauthorized, "unauthenticated", "this needs a token", "send it as Authorization: Bearer TOKEN"}
	errBusy     = &requestError{http.StatusServiceUnavailable, "busy", "too many requests at a time", "try again in a moment"}
	errTimeout  = &requestError{http.StatusServiceUnavailable, "timeout", "the answer takes too long", "ask for less: another table, a smaller limit"}
)

// explained is an error as it is answered.
type explained struct {
	Status  int // of HTTP
	Code    string
	Message string
	Hint    string
}

// problem turns an error into what is answered.
func (v *visit) problem(err error) explained {
	var own *requestError
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &own):
	case errors.As(err, &tooLarge):
		own = &requestError{http.StatusRequestEntityTooLarge, "too-large", "this is more than is taken at once", "send it in parts"}
	case errors.Is(err, context.DeadlineExceeded):
		own = errTimeout
	case errors.Is(err, repo.ErrNoRepository):
		own = errNoRepository("")
	default:
		k := problem.Of(v.ctx, err)
		p := explained{k.HTTP(), k.Code, err.Error(), k.Hint}
		if p.Status >= http.StatusInternalServerError && p.Status != http.StatusServiceUnavailable {
			// What went wrong inside is for the log; it may name files.
			p.Message, p.Hint = "this could not be answered", "the log of the daemon says why"
		}
		return p
	}
	return explained{own.status, own.code, own.message, own.hint}
}

// errNoRepository is the answer to who may not know of a repository, and to who names one
// that is not there.
func errNoRepository(name string) *requestError {
	message := "there is no such repository"
	if name != "" {
		message = "there is no repository " + quoted(name)
	}
	return &requestError{http.StatusNotFound, "no-repository", message, "/api/v1/repositories lists them; a private one needs a token"}
}

// problemJSON is the shape of an error.
type problemJSON struct {
	Error struct {
		Code    string `json:"code"`
		Fault   string `json:"fault,omitempty"` // problem.Fault
		Message string `json:"message"`
		Hint    string `json:"hint"`
	} `json:"error"`
}

// failed answers an error: with a page to people, with JSON to programs.
func (v *visit) failed(err error) answer {
	p := v.problem(err)
	a := answer{status: p.Status, contentType: jsonType, transient: true}
	var own *requestError
	if errors.As(err, &own) {
		switch own.status {
		case http.StatusUnauthorized:
			a.header = [][2]string{{"WWW-Authenticate", `Bearer realm="aergo"`}}
			if v.route.page {
				a.header = [][2]string{{"WWW-Authenticate", `Basic realm="aergo: any name, and a token as password", charset="UTF-8"`}}
			}
		case http.StatusMethodNotAllowed:
			a.header = [][2]string{{"Allow", v.methods()}}
		case http.StatusServiceUnavailable:
			a.header = [][2]string{{"Retry-After", "2"}}
		}
	}
	if v.route.page {
		if body, err := v.errorPage(p); err == nil {
			a.contentType, a.body = pageType, body
			return a
		}
	}
	var shape problemJSON
	shape.Error.Code, shape.Error.Fault, shape.Error.Message, shape.Error.Hint = p.Code, problem.Fault(err), p.Message, p.Hint
	a.body = encode(shape)
	return a
}

func (v *visit) methods() string {
	if v.route.post {
		return "POST"
	}
	return "GET, HEAD"
}

// encode writes a shape as the command line does: on one line, nothing escaped for HTML.
func encode(shape any) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(shape); err != nil {
		// Shapes are made of strings, numbers and JSON that has been made here.
		return []byte(`{"error":{"code":"bug","message":"the answer cannot be written","hint":""}}` + "\n")
	}
	return out.Bytes()
}
