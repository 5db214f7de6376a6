package transfer

import (
	"context"
	"sync"

	"aergo/repo/object"
)

const (
	maxAnswers     = 256       // merges that a server remembers
	maxAnswerBytes = 256 << 10 // of the largest account that it does
)

// answerKey names a merge. A client that asks again after a cut uses the same nonce; the
// hash of the request sees to it that it asks for the same thing.
type answerKey struct {
	peer, repository string
	nonce            [nonceBytes]byte
	request          object.Hash
}

// answers remembers what became of merges, so that one whose answer was lost is not made
// twice, and its account is told all the same.
type answers struct {
	mu    sync.Mutex
	turns map[answerKey]*answerTurn
	order []answerKey // of the answers, the oldest first
}

// answerTurn is a merge that is being made, or has been.
type answerTurn struct {
	all    *answers
	key    answerKey
	ended  chan struct{}
	answer *merged // nil while there is none
}

func newAnswers() *answers { return &answers{turns: map[answerKey]*answerTurn{}} }

// begin waits until nobody makes the same merge. If the turn it returns has an answer, that
// is what became of it. The caller ends the turn.
func (a *answers) begin(ctx context.Context, key answerKey) (*answerTurn, error) {
	for {
		a.mu.Lock()
		t, taken := a.turns[key]
		if !taken {
			t = &answerTurn{all: a, key: key, ended: make(chan struct{})}
			a.turns[key] = t
			a.mu.Unlock()
			return t, nil
		}
		a.mu.Unlock()
		select {
		case <-t.ended:
			if t.answer != nil {
				return t, nil
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// end makes a turn's answer known, or forgets the turn if there is none.
func (t *answerTurn) end() {
	a := t.all
	a.mu.Lock()
	defer a.mu.Unlock()
	select {
	case <-t.ended:
		return // it was somebody else's turn
	default:
		close(t.ended)
	}
	if t.answer == nil {
		delete(a.turns, t.key)
		return
	}
	a.order = append(a.order, t.key)
	if len(a.order) > maxAnswers {
		delete(a.turns, a.order[0])
		a.order = a.order[1:]
	}
}
