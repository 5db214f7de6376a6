package main

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"aergo/cmd/aergo/ui"
	"aergo/repo/shape"
)

// shapes are what the headings in docs/json.md document.
func shapes() map[string]any {
	return map[string]any{
		"error": &struct {
			Error ui.Problem `json:"error"`
		}{},
		"error about a block": &struct {
			Error ui.Problem `json:"error"`
		}{},
		"init": &initialisedJSON{},
		"put, incr, del, apply, schema with columns": &preparedJSON{},
		"import":         &importedJSON{},
		"schema":         &shape.Schema{},
		"commit, revert": &committedJSON{},
		"undo, op log":   &operationJSON{},
		"status":         &shape.Status{},
		"get, ls TABLE, export": &struct {
			Key    json.RawMessage `json:"key"`
			Fields json.RawMessage `json:"fields"`
		}{},
		"ls":                 &shape.Table{},
		"export to a file":   &exportedJSON{},
		"log":                &shape.Block{},
		"show":               &shape.Shown{},
		"diff":               &shape.Difference{},
		"diff --stat":        &shape.DiffStat{},
		"blame":              &shape.Blamed{},
		"why, excluded show": &shape.Story{},
		"dtt":                &shape.Schedule{},
		"branch, tag":        &shape.Name{},
		"directory, directory show, directory export":                        &shape.Directory{},
		"directory add, directory grant, directory revoke, directory rotate": &directoryChangedJSON{},
		"directory key":                &shape.Person{},
		"contract list, contract show": &shape.Contract{},
		"contract test":                &triedJSON{},
		"checkout":                     &checkoutJSON{},
		"merge, cherry-pick, excluded replay, excluded drop": &mergedJSON{},
		"excluded list":         &shape.Exclusion{},
		"excluded list -v":      &shape.Listed{},
		"excluded replay --set": &repairedJSON{},
		"log --excluded":        &shape.LeftOut{},
		"clone":                 &clonedJSON{},
		"remote":                &remoteJSON{},
		"fetch":                 &fetchedJSON{},
		"pull":                  &pulledJSON{},
		"push":                  &pushedJSON{},
		"daemon":                &daemonJSON{},
		"daemon token":          &tokenJSON{},
		"daemon --show-config":  &settingJSON{},
		"submit":                &submittedJSON{},
		"submit --status":       &shape.Submitted{},
		"verify":                &verifiedJSON{},
		"fsck":                  &fsckJSON{},
		"gc":                    &gcJSON{},
		"version":               &versionJSON{},
	}
}

// TestDocumentedShapes decodes each example into what the program prints, and back to the
// same bytes: so it has every member, in order, and no other.
func TestDocumentedShapes(t *testing.T) {
	text, err := os.ReadFile("../../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	short := regexp.MustCompile(`([0-9a-f]{8})\.\.\.`)
	open := shapes()
	heading := ""
	inExample := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "### "):
			heading = strings.TrimPrefix(line, "### ")
		case strings.HasPrefix(line, "```"):
			inExample = line == "```json"
		case inExample:
			shape, ok := open[heading]
			if !ok {
				t.Errorf("%s: no shape of this name, or a second example", heading)
				continue
			}
			delete(open, heading)
			want := short.ReplaceAllStringFunc(line, func(s string) string { return strings.Repeat(s[:8], 8) })
			dec := json.NewDecoder(strings.NewReader(want))
			dec.DisallowUnknownFields()
			if err := dec.Decode(shape); err != nil {
				t.Errorf("%s: %v", heading, err)
				continue
			}
			var got bytes.Buffer
			enc := json.NewEncoder(&got)
			enc.SetEscapeHTML(false)
			if err := enc.Encode(shape); err != nil {
				t.Fatal(err)
			}
			if strings.TrimSpace(got.String()) != want {
				t.Errorf("%s: documented\n%s\nprinted\n%s", heading, want, got.String())
			}
		}
	}
	for heading := range open {
		t.Errorf("%s: not documented", heading)
	}
}
