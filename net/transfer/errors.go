package transfer

import (
	"errors"

	"aergo/branch"
	"aergo/repo"
	"aergo/repo/key"
	"aergo/repo/lock"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/state"
	"aergo/repo/store"
)

// Code says what kind of refusal a RemoteError is. Codes are part of the protocol.
type Code string

// The codes of refusals.
const (
	CodeVersion      Code = "version"       // no version in common
	CodeNoRepository Code = "no-repository" // or none that the peer may know of
	CodeDenied       Code = "denied"
	CodeBusy         Code = "busy" // too many conversations; try later
	CodeProtocol     Code = "protocol"
	CodeTooLarge     Code = "too-large"
	CodeInternal     Code = "internal"
	CodeConflict     Code = "conflict"
	CodeForeign      Code = "foreign"
	CodeInvalid      Code = "invalid"
	CodeSignature    Code = "bad-signature"
	CodeDamaged      Code = "damaged"
	CodeNoKey        Code = "no-key"
	CodeNoRef        Code = "not-found"
	CodeExists       Code = "exists"
	CodeBadName      Code = "bad-name"
	CodeStale        Code = "stale"
	CodeMalformed    Code = "malformed"
	CodeLacking      Code = "lacking" // a partial clone was asked for what it does not have
	CodeFull         Code = "full"
)

var (
	// ErrDenied says that a peer may not do what it asked. It is what a Host's Allow wraps.
	ErrDenied = errors.New("denied")
	// ErrBusy says that a server has as many conversations as it holds.
	ErrBusy = errors.New("the other side is busy")
	// ErrTooLarge says that more was to be received than may be.
	ErrTooLarge = errors.New("too much to receive")
	// ErrVersion says that two sides speak no version of the protocol in common.
	ErrVersion = errors.New("no version of the protocol in common")
)

// meaning is what a code stands for on both sides.
type meaning struct {
	code Code
	is   error
	hint string
}

// meanings lists them, the more particular first: an error has the first one that it is.
func meanings() []meaning {
	return []meaning{
		{CodeLacking, repo.ErrRemotePartial, "go to the repository that it was cloned from"},
		{CodeLacking, repo.ErrBeyond, ""},
		{CodeLacking, repo.ErrLeftOut, ""},
		{CodeVersion, ErrVersion, "use the same version of aergo on both sides"},
		{CodeProtocol, ErrProtocol, "use the same version of aergo on both sides"},
		{CodeBusy, ErrBusy, "try again later"},
		{CodeTooLarge, ErrTooLarge, "push in parts, or ask for a higher limit"},
		{CodeTooLarge, repo.ErrTooLarge, "push in parts, or ask for a higher limit"},
		{CodeFull, repo.ErrFull, "try again when the next block is made"},
		{CodeDenied, ErrDenied, "ask an administrator of the repository for the role"},
		{CodeDenied, repo.ErrNotPermitted, "ask an administrator of the repository for the role"},
		{CodeConflict, repo.ErrConflict, "push without --strict to leave out what conflicts"},
		{CodeForeign, branch.ErrForeign, "only clones of one repository share transactions"},
		{CodeSignature, key.ErrBadSignature, "aergo verify says which block is not sound"},
		{CodeInvalid, branch.ErrInvalid, "aergo verify says which block is not sound"},
		{CodeNoRepository, repo.ErrNoRepository, "check the name; a private repository answers only those who may read it"},
		{CodeNoRepository, repo.ErrNoRemote, "check the name; a private repository answers only those who may read it"},
		{CodeNoKey, key.ErrNoKey, "the other side lacks the key that signs its blocks"},
		{CodeNoRef, ref.ErrNotFound, ""},
		{CodeNoRef, repo.ErrNoSubmission, ""},
		{CodeExists, ref.ErrExists, ""},
		{CodeBadName, ref.ErrBadName, ""},
		{CodeStale, branch.ErrStale, "what is pending on the other side stands in the way"},
		{CodeBusy, lock.ErrBusy, "try again later"},
		{CodeDamaged, store.ErrCorrupt, "aergo fsck says what is damaged"},
		{CodeMalformed, object.ErrMalformed, "aergo fsck says what is damaged"},
		{CodeDamaged, state.ErrCorrupt, "aergo fsck says what is damaged"},
	}
}

// RemoteError is what the other side said when it refused. It is the error that its code
// stands for, too, such as repo.ErrConflict, and has the fault as branch.FaultOf finds it.
type RemoteError struct {
	Code  Code
	Fault branch.Fault // the rule that was broken; empty if the other side did not say
	Text  string
}

// Error returns what the other side said.
func (e *RemoteError) Error() string {
	if e.Text == "" {
		return string(e.Code)
	}
	return e.Text
}

// Is makes errors.Is find the errors that the code stands for.
func (e *RemoteError) Is(target error) bool {
	for _, m := range meanings() {
		if m.code == e.Code && m.is == target {
			return true
		}
	}
	return e.Code == CodeNoRepository && target == repo.ErrNoRemote
}

// As gives away the fault.
func (e *RemoteError) As(target any) bool {
	f, ok := target.(*branch.Fault)
	if ok && e.Fault != "" {
		*f = e.Fault
		return true
	}
	return false
}

// Hint returns what may help, or nothing.
func (e *RemoteError) Hint() string {
	for _, m := range meanings() {
		if m.code == e.Code {
			return m.hint
		}
	}
	return ""
}

// refuse puts an error in the words of the protocol. What nobody foresaw may tell what
// is nobody's business, so it is not told.
func refuse(err error) *refusal {
	var remote *RemoteError
	if errors.As(err, &remote) {
		return &refusal{Code: remote.Code, Fault: remote.Fault, Text: remote.Text}
	}
	for _, m := range meanings() {
		if errors.Is(err, m.is) {
			return &refusal{Code: m.code, Fault: branch.FaultOf(err), Text: err.Error()}
		}
	}
	return &refusal{Code: CodeInternal, Text: "something went wrong on the other side; its log says what"}
}

func (m *refusal) err() error { return &RemoteError{Code: m.Code, Fault: m.Fault, Text: m.Text} }
