package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"aergo/branch"
	"aergo/contract/table"
	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/ref"
)

var (
	// ErrDenied is what Access answers if an identity may not do something.
	ErrDenied = errors.New("denied")
	// ErrBadToken is what Access answers to a token that it does not know.
	ErrBadToken = errors.New("unknown token")
)

// Verb is what somebody wants to do with a repository.
type Verb string

// The verbs.
const (
	Read    Verb = "read"
	Propose Verb = "propose"
)

// Access knows who may do what. It is safe for concurrent use. The zero identity is anybody.
type Access interface {
	// Authenticate returns the identity that a bearer token belongs to, or an error that
	// wraps ErrBadToken.
	Authenticate(ctx context.Context, token string) (object.Identity, error)
	// Allow says whether an identity may do something with a branch of a repository, or with all
	// that it holds if branch is empty: nil if so, otherwise an error that wraps ErrDenied.
	// The repository need not exist.
	Allow(ctx context.Context, who object.Identity, repository string, verb Verb, branch ref.Name) error
}

// Repositories are those that a gateway shows. They are safe for concurrent use.
type Repositories interface {
	// Names returns the names of all, ascending: who may know of which is for Access to say.
	Names(ctx context.Context) ([]string, error)
	// Open returns a repository by its name, or an error that wraps repo.ErrNoRepository. The
	// gateway calls release when it has done with it.
	Open(ctx context.Context, name string) (r Repository, release func(), err error)
}

// Repository is as much of the door as a gateway looks through. repo.Repo implements it. It is
// safe for concurrent use.
type Repository interface {
	Status(ctx context.Context) (repo.Status, error)
	Get(ctx context.Context, tableName, key, at string) (repo.Row, error)
	RowsFrom(ctx context.Context, tableName, at string, tuple []byte, fn func(repo.Row) error) error
	Tables(ctx context.Context, at string) ([]repo.Table, error)
	Schema(ctx context.Context, tableName, at string) (*table.Schema, error)
	Resolve(ctx context.Context, rev string) (branch.Block, error)
	Log(ctx context.Context, rev string, limit int, fn func(repo.Block) error) error
	Show(ctx context.Context, rev string) (repo.Block, error)
	Diff(ctx context.Context, from, to, tableName string, fn func(repo.Difference) error) error
	Blame(ctx context.Context, tableName, key, at string) ([]repo.Blamed, error)
	Schedule(ctx context.Context, rev string) (repo.Schedule, error)
	Branches(ctx context.Context) (all []ref.Branch, current ref.Name, err error)
	MergeLogic(ctx context.Context, name ref.Name) (*repo.MergeLogic, error)
	Tags(ctx context.Context) ([]ref.Tag, error)
	Excluded(ctx context.Context, rev string, fn func(repo.Exclusion) error) error
	Conflicts(ctx context.Context, rev string, fn func(repo.Conflict) error) error
	Transaction(ctx context.Context, what string) (repo.Story, error)
	Why(ctx context.Context, what string) (repo.Story, error)
	Contract(ctx context.Context, name, at string) (repo.Contract, error)
	Contracts(ctx context.Context, at string, fn func(repo.Contract) error) error
	Object(ctx context.Context, h object.Hash) ([]byte, error)
}

var _ Repository = (*repo.Repo)(nil)

// LineSubmitter signs operations with an identity's key and submits them. It is safe for
// concurrent use.
type LineSubmitter interface {
	// SubmitLines reads operations as JSON lines, as of repo.Repo.ApplyLines. Access has allowed
	// Propose. The error wraps repo.ErrNotPermitted if the key is not here.
	SubmitLines(ctx context.Context, who object.Identity, repository string, branch ref.Name, in io.Reader) (repo.SubmittedLines, error)
}

// bearerToken returns the token of a header, if it bears one.
func bearerToken(header string) (token string, ok bool) {
	scheme, token, _ := strings.Cut(header, " ")
	return strings.TrimSpace(token), strings.EqualFold(scheme, "Bearer")
}

// identify returns who asks: anybody if no token came with the request. A browser sends the
// token as the password of Basic authentication; what is submitted has to bear it, which
// no other site can have a browser do.
func (g *Gateway) identify(r *http.Request) (who object.Identity, bearer bool, err error) {
	header := r.Header.Values("Authorization")
	if len(header) == 0 {
		return object.Identity{}, false, nil
	}
	token, bearer := bearerToken(header[0])
	if !bearer {
		_, password, basic := r.BasicAuth()
		if !basic {
			return object.Identity{}, false, errBadToken
		}
		token = password
	}
	if len(header) > 1 || token == "" {
		return object.Identity{}, false, errBadToken
	}
	who, err = g.opts.Access.Authenticate(r.Context(), token)
	switch {
	case errors.Is(err, ErrBadToken), err == nil && who == object.Identity{}:
		return object.Identity{}, false, errBadToken
	case err != nil:
		return object.Identity{}, false, err
	}
	return who, bearer, nil
}
