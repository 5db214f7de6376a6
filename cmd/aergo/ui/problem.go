package ui

import "strings"

// Problem is why a command failed, for people and for scripts.
type Problem struct {
	Code    string `json:"code"`            // a word that scripts branch on
	Fault   string `json:"fault,omitempty"` // the rule that a block breaks; empty for most problems
	Message string `json:"message"`         // reason, lower case, without a full stop
	Hint    string `json:"hint"`            // what to do next; may be empty
}

// Error writes a problem to Err, also if Quiet: "error: ..." and "hint: ...", or with
// JSON the one line {"error":{"code","fault","message","hint"}}. It goes to Err in both forms, so
// that a file that takes the results never ends in something else.
func (s *Streams) Error(p Problem) {
	if s.JSON {
		_ = s.Flush()
		_ = writeJSON(s.Err, struct {
			Error Problem `json:"error"`
		}{p})
		return
	}
	st := s.errStyles()
	s.errLine(st.red("error:") + " " + paragraph(p.Message))
	if p.Hint != "" {
		s.errLine(st.cyan("hint:") + " " + paragraph(p.Hint))
	}
}

// paragraph cleans the lines of text, and indents all but the first so that none looks
// like a message of its own.
func paragraph(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i := range lines {
		lines[i] = Clean(lines[i])
	}
	return strings.Join(lines, "\n  ")
}
