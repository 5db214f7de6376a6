package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"aergo/branch"
	"aergo/cmd/aergo/ui"
	"aergo/consensus/directory"
	"aergo/contract"
	"aergo/contract/sql"
	"aergo/contract/table"
	"aergo/contract/table/format"
	"aergo/contract/value"
	"aergo/merge"
	"aergo/repo"
	"aergo/repo/key"
	"aergo/repo/lock"
	"aergo/repo/object"
	"aergo/repo/oplog"
	"aergo/repo/ref"
	"aergo/repo/state"
	rowkey "aergo/repo/state/key"
	"aergo/repo/store"
)

// Exit codes, part of the interface (docs/json.md).
const (
	exitDone         = 0
	exitNo           = 1 // the answer is no
	exitUsage        = 2
	exitNotFound     = 3
	exitNotPermitted = 4
	exitIntegrity    = 5
	exitNetwork      = 6
	exitBusy         = 7
	exitStorage      = 8
	exitRejected     = 9  // by a contract
	exitBug          = 70 // an error that nobody foresaw
	exitInterrupted  = 130
)

// verdict is what an error means to who ran the command.
type verdict struct {
	exit    int
	problem ui.Problem
	silent  bool // the answer is on stdout already
}

// errNo ends a command whose answer, already given, is no.
var errNo = errors.New("no")

// usageError is a command line that makes no sense.
type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

// usagef returns a usageError with a hint.
func usagef(hint, format string, args ...any) error {
	return hinted(hint, &usageError{fmt.Sprintf(format, args...)})
}

// hintedError is an error with a better hint than its kind has.
type hintedError struct {
	hint string
	err  error
}

func hinted(hint string, err error) error {
	if err == nil {
		return nil
	}
	return &hintedError{hint, err}
}

func (e *hintedError) Error() string { return e.err.Error() }
func (e *hintedError) Unwrap() error { return e.err }

// kind is a kind of error: what it is recognised by, and what it means.
type kind struct {
	is   error
	exit int
	code string
	hint string
}

// judge turns an error into an exit code, a word for scripts and a hint. This is the one
// place that does.
func judge(ctx context.Context, err error) verdict {
	if errors.Is(err, errNo) {
		return verdict{exit: exitNo, silent: true}
	}
	k := kindOf(ctx, err)
	var h *hintedError
	if errors.As(err, &h) {
		k.hint = h.hint
	}
	return verdict{exit: k.exit, problem: ui.Problem{Code: k.code, Message: err.Error(), Hint: k.hint}}
}

func kindOf(ctx context.Context, err error) kind {
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return kind{exit: exitInterrupted, code: "interrupted", hint: "nothing was changed; run it again"}
	}
	var usage *usageError
	var damaged *damagedError
	var refused *table.RefusedError
	switch {
	case errors.As(err, &usage):
		return kind{exit: exitUsage, code: "usage"}
	case errors.As(err, &damaged):
		return kind{exit: exitIntegrity, code: "damaged", hint: "restore what is damaged from a clone or a backup"}
	case errors.As(err, &refused):
		return kind{exit: exitUsage, code: "refused", hint: "aergo schema " + refused.Table + " shows what the table takes"}
	}
	for _, group := range [][]kind{usageKinds(), answerKinds(), missingKinds(), permissionKinds(), integrityKinds(), contractKinds(), storageKinds()} {
		for _, k := range group {
			if errors.Is(err, k.is) {
				return k
			}
		}
	}
	return kind{exit: exitBug, code: "bug", hint: "please report this, with the command that you ran"}
}

// usageKinds are what is wrong with what was typed or with a file that was given.
func usageKinds() []kind {
	const input = "correct the input and run it again; nothing was changed"
	return []kind{
		{is: ref.ErrBadName, exit: exitUsage, code: "bad-name", hint: "use letters, digits, - _ . and +"},
		{is: key.ErrBadName, exit: exitUsage, code: "bad-name", hint: "set AERGO_IDENTITY to a name of letters, digits and . _ - @ +"},
		{is: rowkey.ErrBadName, exit: exitUsage, code: "bad-name", hint: "use letters, digits, - _ and . in names of tables"},
		{is: rowkey.ErrTooLong, exit: exitUsage, code: "too-large", hint: input},
		{is: repo.ErrColumns, exit: exitUsage, code: "columns", hint: "aergo schema TABLE shows the columns; import --add-columns adds new ones"},
		{is: repo.ErrTooLarge, exit: exitUsage, code: "too-large", hint: input},
		{is: state.ErrTooLarge, exit: exitUsage, code: "too-large", hint: input},
		{is: oplog.ErrBadEntry, exit: exitUsage, code: "too-large", hint: "type less on one line; use a file"},
		{is: repo.ErrAmbiguous, exit: exitUsage, code: "ambiguous", hint: "write more digits of the hash"},
		{is: format.ErrDuplicate, exit: exitUsage, code: "duplicate-key", hint: input},
		{is: format.ErrLimit, exit: exitUsage, code: "too-large", hint: input},
		{is: format.ErrType, exit: exitUsage, code: "type", hint: "aergo schema TABLE shows the columns' types"},
		{is: format.ErrSyntax, exit: exitUsage, code: "syntax", hint: input},
		{is: value.ErrLimit, exit: exitUsage, code: "too-large", hint: input},
		{is: value.ErrRange, exit: exitUsage, code: "too-large", hint: input},
		{is: value.ErrType, exit: exitUsage, code: "type", hint: input},
		{is: value.ErrSyntax, exit: exitUsage, code: "syntax", hint: input},
		{is: table.ErrTooManyOps, exit: exitUsage, code: "too-large", hint: "split it into several transactions"},
		{is: table.ErrRowTooLarge, exit: exitUsage, code: "too-large", hint: "split the row into several"},
		{is: object.ErrBadHash, exit: exitUsage, code: "bad-hash", hint: "aergo log --json shows whole hashes"},
	}
}

// answerKinds are requests that make sense, to which the answer is no.
func answerKinds() []kind {
	return []kind{
		{is: repo.ErrConflict, exit: exitNo, code: "conflict", hint: "merge without --strict to leave them out, or with --ours or --theirs"},
		{is: repo.ErrNothing, exit: exitNo, code: "nothing", hint: "aergo status shows where you are"},
		{is: merge.ErrNothing, exit: exitNo, code: "nothing", hint: "aergo log shows what there is"},
		{is: repo.ErrUnchanged, exit: exitNo, code: "unchanged", hint: "without --if-changed this is no error"},
		{is: repo.ErrUnmerged, exit: exitNo, code: "unmerged", hint: "merge it first, or delete it all the same: aergo branch -D NAME"},
		{is: repo.ErrCurrent, exit: exitNo, code: "checked-out", hint: "check out something else first: aergo checkout NAME"},
		{is: repo.ErrDetached, exit: exitNo, code: "read-only", hint: "go on from here on a branch: aergo checkout -b NAME"},
		{is: repo.ErrCannotUndo, exit: exitNo, code: "cannot-undo", hint: "aergo op log shows what happened since; aergo revert takes back a block"},
		{is: repo.ErrRemoteExists, exit: exitNo, code: "exists", hint: "choose another name, or forget the old one: aergo remote rm NAME"},
		{is: repo.ErrExists, exit: exitNo, code: "exists", hint: "aergo status shows it"},
		{is: table.ErrRowExists, exit: exitNo, code: "exists", hint: "use put to change it"},
		{is: key.ErrExists, exit: exitNo, code: "exists", hint: "choose another name"},
		{is: ref.ErrExists, exit: exitNo, code: "exists", hint: "choose another name, or see aergo branch and aergo tag"},
		{is: ref.ErrConflict, exit: exitBusy, code: "busy", hint: "another command was faster; run it again"},
		{is: branch.ErrStale, exit: exitNo, code: "stale", hint: "commit or undo what is pending first: aergo status"},
	}
}

// missingKinds are things that are not there.
func missingKinds() []kind {
	return []kind{
		{is: repo.ErrNoRemote, exit: exitNotFound, code: "no-remote", hint: "aergo remote lists the remotes; a path to a repository will do, too"},
		{is: repo.ErrNoRepository, exit: exitNotFound, code: "no-repository", hint: "make one with aergo init, or name one with -C DIR"},
		{is: repo.ErrNoRevision, exit: exitNotFound, code: "no-revision", hint: "aergo branch, aergo tag and aergo log show what there is"},
		{is: repo.ErrNoTable, exit: exitNotFound, code: "no-table", hint: "aergo ls shows the tables"},
		{is: repo.ErrNoRow, exit: exitNotFound, code: "no-row", hint: "aergo ls TABLE shows the rows"},
		{is: table.ErrNoRow, exit: exitNotFound, code: "no-row", hint: "aergo ls TABLE shows the rows"},
		{is: oplog.ErrNotFound, exit: exitNotFound, code: "no-operation", hint: "aergo op log shows the operations"},
		{is: repo.ErrRefused, exit: exitNo, code: "refused", hint: "aergo get TABLE KEY shows what is there"},
		{is: ref.ErrNotFound, exit: exitNotFound, code: "not-found", hint: "aergo branch and aergo tag show what there is"},
	}
}

// permissionKinds are what the identity may not do, or cannot.
func permissionKinds() []kind {
	return []kind{
		{is: key.ErrNoKey, exit: exitNotPermitted, code: "no-key", hint: "put the key back into the keys folder, or set AERGO_IDENTITY to an identity whose key you have"},
		{is: key.ErrPermissions, exit: exitNotPermitted, code: "key-open", hint: "chmod 600 the key file, and think about who has read it"},
		{is: repo.ErrNotPermitted, exit: exitNotPermitted, code: "not-permitted", hint: "clone the repository to work on a copy of your own"},
		{is: branch.ErrForeign, exit: exitNotPermitted, code: "foreign", hint: "only clones of one repository share transactions; export and import the rows instead"},
		{is: store.ErrReadOnly, exit: exitNotPermitted, code: "not-permitted", hint: "check who may write in the repository's folder"},
		{is: fs.ErrPermission, exit: exitNotPermitted, code: "not-permitted", hint: "check who may read and write there"},
	}
}

// integrityKinds are what is not as it was written.
func integrityKinds() []kind {
	const fsck = "aergo fsck says what is damaged; restore it from a clone or a backup"
	return []kind{
		{is: repo.ErrFormat, exit: exitIntegrity, code: "format", hint: "use the version of aergo that made it, or a later one"},
		{is: key.ErrBadKeyFile, exit: exitIntegrity, code: "damaged", hint: "restore the key file from a backup"},
		{is: key.ErrBadSignature, exit: exitIntegrity, code: "invalid", hint: "aergo verify says which block is not sound"},
		{is: key.ErrBadPublic, exit: exitIntegrity, code: "invalid", hint: "aergo verify says which block is not sound"},
		{is: directory.ErrInvalid, exit: exitIntegrity, code: "invalid", hint: fsck},
		{is: branch.ErrInvalid, exit: exitIntegrity, code: "invalid", hint: "aergo verify says which block is not sound"},
		{is: ref.ErrDamaged, exit: exitIntegrity, code: "damaged", hint: fsck},
		{is: oplog.ErrDamaged, exit: exitIntegrity, code: "damaged", hint: fsck},
		{is: branch.ErrDamaged, exit: exitIntegrity, code: "damaged", hint: fsck},
		{is: store.ErrCorrupt, exit: exitIntegrity, code: "damaged", hint: fsck},
		{is: state.ErrCorrupt, exit: exitIntegrity, code: "damaged", hint: fsck},
		{is: state.ErrNoNode, exit: exitIntegrity, code: "damaged", hint: fsck},
		{is: object.ErrMalformed, exit: exitIntegrity, code: "damaged", hint: fsck},
		{is: rowkey.ErrMalformed, exit: exitIntegrity, code: "damaged", hint: fsck},
		{is: store.ErrRefused, exit: exitIntegrity, code: "invalid", hint: fsck},
		{is: store.ErrNotFound, exit: exitIntegrity, code: "damaged", hint: fsck},
	}
}

// contractKinds are what rules have said, or what is wrong with them.
func contractKinds() []kind {
	const test = "aergo contract test FILE tries rules before they are used"
	return []kind{
		{is: contract.ErrResolver, exit: exitRejected, code: "merge-logic", hint: "the branch's rules stop this merge: aergo branch shows them; resolve the rows on the source first"},
		{is: sql.ErrProgram, exit: exitRejected, code: "rules", hint: test},
		{is: branch.ErrNoLogic, exit: exitRejected, code: "no-merge-logic", hint: "make a branch with one: aergo branch NAME --merge-logic=NAME"},
		{is: repo.ErrNoContract, exit: exitNotFound, code: "no-contract", hint: "aergo contract list shows them; store one with aergo contract set NAME FILE and aergo commit"},
	}
}

// storageKinds are waits that ended, and what the machine beneath says.
func storageKinds() []kind {
	const full = "make room and run it again; nothing was changed"
	return []kind{
		{is: lock.ErrBusy, exit: exitBusy, code: "busy", hint: "let the other command finish, or wait longer: --wait=1m"},
		{is: store.ErrBusy, exit: exitBusy, code: "busy", hint: "let the other command finish and run it again"},
		{is: syscall.ENOSPC, exit: exitStorage, code: "no-space", hint: full},
		{is: syscall.EDQUOT, exit: exitStorage, code: "no-space", hint: full},
		{is: syscall.EFBIG, exit: exitStorage, code: "no-space", hint: "raise the limit on the size of files; nothing was changed"},
		{is: syscall.EROFS, exit: exitStorage, code: "storage", hint: "the file system is read-only"},
		{is: syscall.EIO, exit: exitStorage, code: "storage", hint: "check the disk"},
		{is: fs.ErrNotExist, exit: exitNotFound, code: "no-file", hint: "check the path"},
		{is: fs.ErrExist, exit: exitNo, code: "exists", hint: "choose another path"},
		{is: syscall.EISDIR, exit: exitUsage, code: "usage", hint: "name a file, not a folder"},
		{is: syscall.ENOTDIR, exit: exitUsage, code: "usage", hint: "name a folder, not a file"},
		{is: syscall.EPIPE, exit: exitStorage, code: "storage", hint: "the reader of the output has left"},
	}
}
