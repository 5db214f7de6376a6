package gateway

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"

	"aergo/branch"
	"aergo/repo"
	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/shape"
)

// submissionJSON is a signed batch as it is submitted, in hex.
type submissionJSON struct {
	Batch  string   `json:"batch"` // the record
	Seal   string   `json:"seal"`
	Chunks []string `json:"chunks"`
}

func (s *submissionJSON) decode(to ref.Name) (out repo.Submission, err error) {
	out.Branch = to
	for _, part := range []struct {
		into *[]byte
		text string
	}{{&out.Batch, s.Batch}, {&out.Seal, s.Seal}} {
		if *part.into, err = hex.DecodeString(part.text); err != nil {
			return out, err
		}
	}
	for _, text := range s.Chunks {
		chunk, err := hex.DecodeString(text)
		if err != nil {
			return out, err
		}
		out.Chunks = append(out.Chunks, chunk)
	}
	return out, nil
}

// submitter is the repository as one that takes submissions from who asks, for a branch.
func (v *visit) submitter() (repo.Submitter, ref.Name, error) {
	if !v.bearer {
		return nil, "", errNoToken
	}
	to, ok := v.repo.(repo.Submitter)
	if !ok {
		return nil, "", fmt.Errorf("repository %s: %w", v.name, repo.ErrNotSubmittable)
	}
	text, err := v.mandatory("branch")
	if err != nil {
		return nil, "", err
	}
	name, err := ref.ParseName(text)
	if err != nil {
		return nil, "", err
	}
	err = v.g.opts.Access.Allow(v.ctx, v.who, v.name, Propose, name)
	if errors.Is(err, ErrDenied) {
		err = v.mayNot("submit to branch " + quoted(text))
	}
	return to, name, err
}

func (v *visit) mayNot(what string) error {
	return &requestError{http.StatusForbidden, "not-permitted", quoted(v.who.Name) + " may not " + what, ""}
}

// waits says whether the answer is to wait for a block.
func (v *visit) waits() (bool, error) {
	switch v.query["wait"] {
	case "", "receipt":
		return false, nil
	case "block":
		return true, nil
	}
	return false, usage("wait is receipt or block")
}

// submit takes a batch in, or operations to make one of. The token and the batch are of one identity: a
// batch that somebody else got hold of is not brought here in its author's name.
func (v *visit) submit() (answer, error) {
	to, name, err := v.submitter()
	if err != nil {
		return answer{}, err
	}
	wait, err := v.waits()
	if err != nil {
		return answer{}, err
	}
	switch media, _, _ := mime.ParseMediaType(v.req.Header.Get("Content-Type")); media {
	case "application/json":
		return v.submitBatch(to, name, wait)
	case "application/x-ndjson":
		return v.submitLines(to, name, wait)
	}
	return answer{}, &requestError{http.StatusUnsupportedMediaType, "media-type", "what is submitted is application/json or application/x-ndjson", "see API.md"}
}

// linesJSON is what became of operations that were signed here.
type linesJSON struct {
	shape.Submitted
	Transactions uint64 `json:"transactions"`
	Unchanged    uint64 `json:"unchanged"`
}

// submitLines has operations signed with the key of who asks.
func (v *visit) submitLines(to repo.Submitter, name ref.Name, wait bool) (answer, error) {
	if v.g.opts.Lines == nil {
		return answer{}, v.mayNot("have operations signed here")
	}
	out, err := v.g.opts.Lines.SubmitLines(v.ctx, v.who, v.name, name, v.req.Body)
	if err == nil && wait && !out.Settled() {
		out.Submitted, err = to.Submission(v.ctx, name, out.Batch, true)
	}
	a := submitted(out.Submitted)
	a.body = encode(linesJSON{shape.OfSubmitted(out.Submitted), out.Transactions, out.Unchanged})
	return a, err
}

// submitBatch takes a batch in that its author has signed.
func (v *visit) submitBatch(to repo.Submitter, name ref.Name, wait bool) (answer, error) {
	data, err := io.ReadAll(v.req.Body)
	if err != nil {
		return answer{}, err
	}
	var in submissionJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return answer{}, usage("a submission is a JSON object of batch, seal and chunks")
	}
	s, err := in.decode(name)
	if err != nil {
		return answer{}, usage("batch, seal and chunks are in hex")
	}
	batch, err := object.DecodeBatch(s.Batch)
	if err != nil {
		return answer{}, refused(err)
	}
	if batch.Author.Key != v.who.Key {
		return answer{}, v.mayNot("submit what " + quoted(batch.Author.Name) + " has signed")
	}
	out, err := to.Submit(v.ctx, s)
	if err == nil && wait && !out.Settled() {
		out, err = to.Submission(v.ctx, name, out.Batch, true)
	}
	return submitted(out), refused(err)
}

// refused tells a batch that does not hold from a repository that does not.
func refused(err error) error {
	for _, is := range []error{branch.ErrInvalid, object.ErrMalformed, key.ErrBadSignature, key.ErrBadPublic} {
		if errors.Is(err, is) {
			return &requestError{http.StatusBadRequest, "invalid", err.Error(), "sign the batch on a head of this branch"}
		}
	}
	return err
}

// submission tells what became of a batch that was submitted.
func (v *visit) submission() (answer, error) {
	to, name, err := v.submitter()
	if err != nil {
		return answer{}, err
	}
	wait, err := v.waits()
	if err != nil {
		return answer{}, err
	}
	id, err := object.ParseHash(v.query["batch"])
	if err != nil {
		return answer{}, usage("a batch is named by the 64 hex digits of its hash")
	}
	out, err := to.Submission(v.ctx, name, id, wait)
	return submitted(out), err
}

func submitted(s repo.Submitted) answer {
	return answer{contentType: jsonType, body: encode(shape.OfSubmitted(s)), transient: true}
}
