package main

import (
	"encoding/json"
	"fmt"

	"aergo/cmd/aergo/ui"
	"aergo/repo"
	"aergo/repo/object"
	"aergo/repo/shape"
)

// needJSON is a transaction that another one builds on.
type needJSON struct {
	Transaction string          `json:"tx"`
	On          string          `json:"on"`
	Author      string          `json:"author"`
	Batch       object.Hash     `json:"batch"` // of On
	Message     string          `json:"message"`
	Table       string          `json:"table"`
	Key         json.RawMessage `json:"key"`
	Field       string          `json:"field"` // empty if it is about the row
}

func needShapes(list []repo.Need) []needJSON {
	out := make([]needJSON, 0, len(list))
	for _, n := range list {
		out = append(out, needJSON{
			Transaction: shape.TxID(n.Transaction), On: shape.TxID(n.On), Author: n.Author.Name, Batch: n.On.Batch, Message: n.Message,
			Table: n.Table, Key: shape.Key(n.Key), Field: n.Field,
		})
	}
	return out
}

// replayCommand is the command that tries excluded transactions again, on a branch if it is
// not the one that is checked out.
func replayCommand(list []repo.Exclusion, into string) string {
	command := "aergo excluded replay --all"
	if len(list) == 1 {
		command = "aergo excluded replay " + list[0].Transaction.String()
	}
	if into != "" {
		command = "aergo checkout " + into + " && " + command
	}
	return command
}

// overruledPart says in mergedLine what stays excluded on the target; empty if nothing does.
func overruledPart(m repo.Merged, about account) string {
	n := number(uint64(len(m.Overruled)))
	switch {
	case len(m.Overruled) == 0:
		return ""
	case about.verb == pushing():
		return n + " excluded there before"
	}
	return fmt.Sprintf("%s excluded before: %s", n, replayCommand(m.Overruled, about.into))
}

// printOverruled lists what stays excluded on the target although the source applied it.
func (a *app) printOverruled(m repo.Merged, about account) error {
	if len(m.Overruled) == 0 {
		return nil
	}
	why := fmt.Sprintf("Applied by %s, and excluded on %s before:", ui.Clean(about.what), m.Target)
	switch about.verb {
	case picking():
		why = fmt.Sprintf("Excluded on %s before:", m.Target)
	case pushing():
		why = fmt.Sprintf("Applied here, and excluded on %s there before:", m.Target)
	}
	if err := a.ui.Printf("%s\n", why); err != nil {
		return err
	}
	return printExclusions(a.ui, m.Overruled, exclusionRowsMax)
}

// printNeeds names the transactions that those of a pick build on.
func (a *app) printNeeds(list []repo.Need) error {
	for _, n := range list {
		what := rowName(n.Table, n.Key)
		if n.Field != "" {
			what += " field " + n.Field
		}
		err := a.ui.Printf("%s builds on %s by %s, which made %s: %s\n", n.Transaction, n.On, ui.Clean(n.Author.Name), ui.Clean(what), ui.Clean(firstLine(n.Message)))
		if err != nil {
			return err
		}
	}
	return nil
}

// orderHint is the next command after an order that came to nothing.
func orderHint(m repo.Merged) string {
	switch {
	case len(m.Overruled) > 0:
		return replayCommand(m.Overruled, "") + " tries again what is excluded here"
	case len(m.Needs) > 0:
		return fmt.Sprintf("pick what it builds on first: aergo cherry-pick %s", m.Needs[0].On)
	}
	return "aergo get TABLE KEY shows what is there now"
}

// refusedMerge gives a strict merge that was refused for what earlier decisions left out the
// next command to type.
func refusedMerge(m repo.Merged, into string, err error) error {
	switch {
	case len(m.Excluded) > 0:
	case len(m.Overruled) > 0:
		return hinted(replayCommand(m.Overruled, into)+" tries it again, aergo excluded drop gives it up", err)
	case m.Inherited > 0:
		return hinted("merge without --strict to leave out what the source has left out", err)
	}
	return err
}
