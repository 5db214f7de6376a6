package transfer

import (
	"context"
	"fmt"
	"io"
	"slices"

	"aergo/branch"
	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/ref"
)

// submit hands a signed batch over, and is answered by a submitted before a block holds it.
type submit struct{ repo.Submission }

// follow asks what became of a batch, and is answered by a submitted: at once, or when it is
// settled.
type follow struct {
	Branch ref.Name
	Batch  object.Hash
	Wait   bool
}

// submitted says what became of a batch, or why it was not taken.
type submitted struct {
	Failed refusal // no code if it did not fail
	repo.Submitted
}

// states are those of a submission, by their numbers.
func states() []repo.SubmissionState {
	return []repo.SubmissionState{"", repo.SubmissionAccepted, repo.SubmissionSealed, repo.SubmissionRefused, repo.SubmissionTakenBack}
}

func (m *submit) size() int { return 5 }
func (m *submit) append(b []byte) []byte {
	b = object.AppendText(head(b, m, numberSubmit), string(m.Branch))
	b = object.AppendBytes(object.AppendBytes(b, m.Batch), m.Seal)
	b = object.AppendArray(b, len(m.Chunks))
	for _, c := range m.Chunks {
		b = object.AppendBytes(b, c)
	}
	return b
}

func (m *submit) read(r *object.Reader) {
	m.Branch = readName(r)
	m.Batch, m.Seal = slices.Clone(r.Bytes(object.MaxSizeBytes)), slices.Clone(r.Bytes(object.SealSize))
	for n := r.Array(object.MaxChunks); n > 0 && r.Err() == nil; n-- {
		m.Chunks = append(m.Chunks, slices.Clone(r.Bytes(object.MaxSizeBytes)))
	}
}

func (m *follow) size() int { return 4 }
func (m *follow) append(b []byte) []byte {
	b = object.AppendHash(object.AppendText(head(b, m, numberFollow), string(m.Branch)), m.Batch)
	return appendBool(b, m.Wait)
}
func (m *follow) read(r *object.Reader) {
	m.Branch, m.Batch, m.Wait = readName(r), r.Hash(), readBool(r)
}

func (m *submitted) size() int { return 13 }
func (m *submitted) append(b []byte) []byte {
	b = head(b, m, numberSubmitted)
	b = m.Failed.appendTo(b)
	b = object.AppendText(b, string(m.Branch))
	b = object.AppendHash(b, m.Batch)
	b = object.AppendUint(b, uint64(max(0, slices.Index(states(), m.State))))
	if m.Receipt == nil {
		b = object.AppendArray(b, 0)
	} else {
		b = object.AppendArray(object.AppendArray(b, 1), 2)
		b = object.AppendBytes(object.AppendBytes(b, m.Receipt.Record), m.Receipt.Seal[:])
	}
	b = object.AppendUint(object.AppendHash(b, m.Block), m.Height)
	b = object.AppendExclusions(object.AppendRuns(b, m.Runs), m.Submitted.Excluded)
	return object.AppendText(appendBool(b, m.Changed), clip(m.Refusal))
}

func (m *submitted) read(r *object.Reader) {
	m.Failed.readFrom(r)
	m.Branch, m.Batch = readOptionalName(r), r.Hash()
	m.State = states()[r.UintMax(uint64(len(states())-1))]
	if r.Array(1) == 1 {
		r.ArrayOf(2)
		record, seal := slices.Clone(r.Bytes(object.MaxSizeBytes)), r.Bytes(object.SealSize)
		if r.Err() == nil {
			receipt, err := branch.ReadPoolReceipt(record, seal)
			if err != nil {
				r.Fail("%v", err)
			}
			m.Receipt = &receipt
		}
	}
	m.Block, m.Height, m.Runs = r.Hash(), r.Uint(), r.Runs()
	m.Excluded = r.Exclusions(m.Runs)
	for i := range m.Excluded {
		m.Excluded[i].Key, m.Excluded[i].Found = slices.Clone(m.Excluded[i].Key), slices.Clone(m.Excluded[i].Found)
	}
	m.Changed, m.Refusal = readBool(r), r.Text(maxTextBytes)
}

// submit takes a batch, or says what became of one. The batch's author answers for it, not the
// peer that brings it: a peer needs no right but to read.
func (s *Server) submit(ctx context.Context, w *wire, r Repository, do func(context.Context, repo.Submitter) (repo.Submitted, error)) error {
	to, ok := r.(repo.Submitter)
	if !ok {
		return fmt.Errorf("%w: the repository %w", ErrProtocol, repo.ErrNotSubmittable)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	beat := heartbeat(ctx, w, cancel)
	out, err := do(ctx, to)
	beat()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	answer := &submitted{Submitted: out}
	if err != nil {
		answer = &submitted{Failed: *refuse(err)}
	}
	return w.send(answer)
}

// Submit implements repo.Submitter. A submission that is made again after a cut is taken once.
func (c *Client) Submit(ctx context.Context, s repo.Submission) (repo.Submitted, error) {
	m := &submit{s}
	if size := len(m.append(nil)); size > maxAskedBytes {
		return repo.Submitted{}, fmt.Errorf("%w: a submission of %d bytes", ErrTooLarge, size)
	}
	return c.submitted(ctx, m)
}

// Submission implements repo.Submitter.
func (c *Client) Submission(ctx context.Context, name ref.Name, batch object.Hash, wait bool) (repo.Submitted, error) {
	return c.submitted(ctx, &follow{name, batch, wait})
}

func (c *Client) submitted(ctx context.Context, m message) (repo.Submitted, error) {
	var out *submitted
	err := c.turn(ctx, func(w *wire) error {
		if err := w.send(m); err != nil {
			return err
		}
		for {
			came, err := w.receive(maxListBytes, w.timeouts.Turn)
			if isEnd(err) {
				err = fmt.Errorf("%w: %w", ErrCut, io.ErrUnexpectedEOF)
			}
			if err != nil {
				return err
			}
			switch came := came.(type) {
			case *working:
			case *submitted:
				out = came
				return nil
			default:
				return unexpected(came)
			}
		}
	})
	switch {
	case err != nil:
		return repo.Submitted{}, err
	case out.Failed.Code != "":
		return repo.Submitted{}, out.Failed.err()
	}
	return out.Submitted, nil
}

var _ repo.Submitter = (*Client)(nil)
