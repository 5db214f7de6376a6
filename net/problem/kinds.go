package problem

import (
	"context"
	"io/fs"
	"net/http"
	"os"
	"syscall"

	"aergo/branch"
	"aergo/consensus/directory"
	"aergo/contract"
	"aergo/contract/sql"
	"aergo/contract/table"
	"aergo/contract/table/format"
	"aergo/contract/value"
	"aergo/merge"
	"aergo/net/peer"
	"aergo/net/transfer"
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

// groups returns the kinds in the order in which errors are compared with them.
func groups() [][]Kind {
	return [][]Kind{
		partialKinds(), usageKinds(), answerKinds(), missingKinds(), permissionKinds(), networkKinds(), integrityKinds(), contractKinds(), storageKinds(),
	}
}

// partialKinds are what a clone of a part does not have. They come first: what is lacking is
// also not found, and on the other side.
func partialKinds() []Kind {
	const whole = "fetch from or push to the repository that it was cloned from, or complete it there: aergo fetch --unshallow"
	return []Kind{
		{ID: "repo.remote-partial", Sentinel: repo.ErrRemotePartial, Exit: ExitNotFound, Code: "partial", Hint: whole},
		{ID: "repo.beyond", Sentinel: repo.ErrBeyond, Exit: ExitNotFound, Code: "partial", Hint: "aergo fetch --unshallow brings all of the history, aergo fetch --depth N some more"},
		{ID: "repo.left-out", Sentinel: repo.ErrLeftOut, Exit: ExitNotFound, Code: "partial", Hint: "a clone of all tables has it: aergo clone REPOSITORY, without --filter"},
		{ID: "repo.other-table", Sentinel: repo.ErrOtherTable, Exit: ExitNotFound, Code: "partial", Hint: "aergo ls shows the tables that are here; clone again with other tables in --filter, or without it"},
		{ID: "repo.filtered", Sentinel: repo.ErrFiltered, Exit: ExitNotPermitted, Code: "filtered", Hint: "make changes in a clone of all tables: aergo clone REPOSITORY, without --filter"},
		{ID: "repo.depth", Sentinel: repo.ErrDepth, Exit: ExitUsage, Code: "usage", Hint: "aergo fetch --depth N with N above 0, or aergo fetch --unshallow"},
	}
}

// usageKinds are what is wrong with what was typed or with a file that was given.
func usageKinds() []Kind {
	const input = "correct the input and run it again; nothing was changed"
	return []Kind{
		{ID: "usage", Sentinel: ErrUsage, Exit: ExitUsage, Code: "usage"},
		{ID: "repo.no-such-change", Sentinel: repo.ErrNoSuchChange, Exit: ExitUsage, Code: "usage", Hint: "aergo excluded show TX shows what it changes"},
		{ID: "peer.bad-address", Sentinel: peer.ErrBadAddress, Exit: ExitUsage, Code: "bad-address", Hint: "write aergo://HOST:PORT/REPOSITORY or aergo://PEER@HOST:PORT/REPOSITORY"},
		{ID: "peer.bad-id", Sentinel: peer.ErrBadID, Exit: ExitUsage, Code: "bad-address", Hint: "a daemon prints its peer id when it starts; copy it whole"},
		{ID: "peer.not-loopback", Sentinel: peer.ErrNotLoopback, Exit: ExitUsage, Code: "not-loopback", Hint: "let other machines in on purpose: aergo daemon --public"},
		{ID: "directory.bad-change", Sentinel: directory.ErrBadChange, Exit: ExitUsage, Code: "bad-change", Hint: "aergo directory show says how things are, aergo directory --help what can be"},
		{ID: "ref.bad-name", Sentinel: ref.ErrBadName, Exit: ExitUsage, Code: "bad-name", Hint: "use letters, digits, - _ . and +"},
		{ID: "key.bad-name", Sentinel: key.ErrBadName, Exit: ExitUsage, Code: "bad-name", Hint: "set AERGO_IDENTITY to a name of letters, digits and . _ - @ +"},
		{ID: "rowkey.bad-name", Sentinel: rowkey.ErrBadName, Exit: ExitUsage, Code: "bad-name", Hint: "use letters, digits, - _ and . in names of tables"},
		{ID: "rowkey.too-long", Sentinel: rowkey.ErrTooLong, Exit: ExitUsage, Code: "too-large", Hint: input},
		{ID: "repo.columns", Sentinel: repo.ErrColumns, Exit: ExitUsage, Code: "columns", Hint: "aergo schema TABLE shows the columns; import --add-columns adds new ones"},
		{ID: "repo.too-large", Sentinel: repo.ErrTooLarge, Exit: ExitUsage, Code: "too-large", Hint: input},
		{ID: "state.too-large", Sentinel: state.ErrTooLarge, Exit: ExitUsage, Code: "too-large", Hint: input},
		{ID: "oplog.bad-entry", Sentinel: oplog.ErrBadEntry, Exit: ExitUsage, Code: "too-large", Hint: "type less on one line; use a file"},
		{ID: "repo.ambiguous", Sentinel: repo.ErrAmbiguous, Exit: ExitUsage, Code: "ambiguous", Hint: "write more digits of the hash"},
		{ID: "format.duplicate", Sentinel: format.ErrDuplicate, Exit: ExitUsage, Code: "duplicate-key", Hint: input},
		{ID: "format.limit", Sentinel: format.ErrLimit, Exit: ExitUsage, Code: "too-large", Hint: input},
		{ID: "format.type", Sentinel: format.ErrType, Exit: ExitUsage, Code: "type", Hint: "aergo schema TABLE shows the columns' types"},
		{ID: "format.syntax", Sentinel: format.ErrSyntax, Exit: ExitUsage, Code: "syntax", Hint: input},
		{ID: "value.limit", Sentinel: value.ErrLimit, Exit: ExitUsage, Code: "too-large", Hint: input},
		{ID: "value.range", Sentinel: value.ErrRange, Exit: ExitUsage, Code: "too-large", Hint: input},
		{ID: "value.type", Sentinel: value.ErrType, Exit: ExitUsage, Code: "type", Hint: input},
		{ID: "value.syntax", Sentinel: value.ErrSyntax, Exit: ExitUsage, Code: "syntax", Hint: input},
		{ID: "table.too-many-ops", Sentinel: table.ErrTooManyOps, Exit: ExitUsage, Code: "too-large", Hint: "split it into several transactions"},
		{ID: "table.row-too-large", Sentinel: table.ErrRowTooLarge, Exit: ExitUsage, Code: "too-large", Hint: "split the row into several"},
		{ID: "object.bad-hash", Sentinel: object.ErrBadHash, Exit: ExitUsage, Code: "bad-hash", Hint: "aergo log --json shows whole hashes"},
	}
}

// answerKinds are requests that make sense, to which the answer is no.
func answerKinds() []Kind {
	return []Kind{
		{ID: "directory.key-taken", Sentinel: directory.ErrKeyTaken, Exit: ExitNo, Code: "exists", Hint: "every identity has keys of its own: aergo directory key prints yours"},
		{ID: "repo.conflict", Sentinel: repo.ErrConflict, Exit: ExitNo, Code: "conflict", Hint: "merge without --strict to leave them out, or with --ours or --theirs"},
		{ID: "repo.nothing", Sentinel: repo.ErrNothing, Exit: ExitNo, Code: "nothing", Hint: "aergo status shows where you are"},
		{ID: "merge.nothing", Sentinel: merge.ErrNothing, Exit: ExitNo, Code: "nothing", Hint: "aergo log shows what there is"},
		{ID: "repo.unchanged", Sentinel: repo.ErrUnchanged, Exit: ExitNo, Code: "unchanged", Hint: "without --if-changed this is no error"},
		{ID: "repo.unmerged", Sentinel: repo.ErrUnmerged, Exit: ExitNo, Code: "unmerged", Hint: "merge it first, or delete it all the same: aergo branch -D NAME"},
		{ID: "repo.current", Sentinel: repo.ErrCurrent, Exit: ExitNo, Code: "checked-out", Hint: "check out something else first: aergo checkout NAME"},
		{ID: "repo.detached", Sentinel: repo.ErrDetached, Exit: ExitNo, Code: "read-only", Hint: "go on from here on a branch: aergo checkout -b NAME"},
		{ID: "repo.cannot-undo", Sentinel: repo.ErrCannotUndo, Exit: ExitNo, Code: "cannot-undo", Hint: "aergo op log shows what happened since; aergo revert takes back a block"},
		{ID: "repo.remote-exists", Sentinel: repo.ErrRemoteExists, Exit: ExitNo, Code: "exists", Hint: "choose another name, or forget the old one: aergo remote rm NAME"},
		{ID: "repo.not-submittable", Sentinel: repo.ErrNotSubmittable, Exit: ExitNo, Code: "no-submissions", Hint: "commit and push instead: aergo push"},
		{ID: "repo.exists", Sentinel: repo.ErrExists, Exit: ExitNo, Code: "exists", Hint: "aergo status shows it"},
		{ID: "table.row-exists", Sentinel: table.ErrRowExists, Exit: ExitNo, Code: "exists", Hint: "use put to change it"},
		{ID: "key.exists", Sentinel: key.ErrExists, Exit: ExitNo, Code: "exists", Hint: "choose another name"},
		{ID: "ref.exists", Sentinel: ref.ErrExists, Exit: ExitNo, Code: "exists", Hint: "choose another name, or see aergo branch and aergo tag"},
		{ID: "ref.conflict", Sentinel: ref.ErrConflict, Exit: ExitBusy, Code: "busy", Hint: "another command was faster; run it again"},
		{ID: "branch.stale", Sentinel: branch.ErrStale, Exit: ExitNo, Code: "stale", Hint: "commit or undo what is pending first: aergo status"},
	}
}

// missingKinds are things that are not there.
func missingKinds() []Kind {
	return []Kind{
		{ID: "directory.unknown", Sentinel: directory.ErrUnknown, Exit: ExitNotFound, Code: "no-identity", Hint: "aergo directory show lists who is known and what is granted"},
		{ID: "repo.no-remote", Sentinel: repo.ErrNoRemote, Exit: ExitNotFound, Code: "no-remote", Hint: "aergo remote lists the remotes; a path to a repository will do, too"},
		{ID: "repo.no-repository", Sentinel: repo.ErrNoRepository, Exit: ExitNotFound, Code: "no-repository", Hint: "make one with aergo init, or name one with -C DIR"},
		{ID: "repo.no-revision", Sentinel: repo.ErrNoRevision, Exit: ExitNotFound, Code: "no-revision", Hint: "aergo branch, aergo tag and aergo log show what there is"},
		{ID: "repo.no-submission", Sentinel: repo.ErrNoSubmission, Exit: ExitNotFound, Code: "no-submission", Hint: "name the batch by its whole hash, as submit --json gives it, and the branch with --branch"},
		{ID: "repo.no-table", Sentinel: repo.ErrNoTable, Exit: ExitNotFound, Code: "no-table", Hint: "aergo ls shows the tables"},
		{ID: "repo.no-row", Sentinel: repo.ErrNoRow, Exit: ExitNotFound, Code: "no-row", Hint: "aergo ls TABLE shows the rows"},
		{ID: "repo.no-object", Sentinel: repo.ErrNoObject, Exit: ExitNotFound, Code: "no-object", Hint: "aergo show names the objects of a block"},
		{ID: "table.no-row", Sentinel: table.ErrNoRow, Exit: ExitNotFound, Code: "no-row", Hint: "aergo ls TABLE shows the rows"},
		{ID: "oplog.not-found", Sentinel: oplog.ErrNotFound, Exit: ExitNotFound, Code: "no-operation", Hint: "aergo op log shows the operations"},
		{ID: "repo.refused", Sentinel: repo.ErrRefused, Exit: ExitNo, Code: "refused", Hint: "aergo get TABLE KEY shows what is there"},
		{ID: "ref.not-found", Sentinel: ref.ErrNotFound, Exit: ExitNotFound, Code: "not-found", Hint: "aergo branch and aergo tag show what there is"},
	}
}

// permissionKinds are what the identity may not do, or cannot.
func permissionKinds() []Kind {
	return []Kind{
		{ID: "key.missing", Sentinel: key.ErrNoKey, Exit: ExitNotPermitted, Code: "no-key", Hint: "put the key back into the keys folder, or set AERGO_IDENTITY to an identity whose key you have"},
		{ID: "key.permissions", Sentinel: key.ErrPermissions, Exit: ExitNotPermitted, Code: "key-open", Hint: "chmod 600 the key file, and think about who has read it"},
		{ID: "repo.not-permitted", Sentinel: repo.ErrNotPermitted, Exit: ExitNotPermitted, Code: "not-permitted", Hint: "clone the repository to work on a copy of your own"},
		{ID: "branch.foreign", Sentinel: branch.ErrForeign, Exit: ExitNotPermitted, Code: "foreign", Hint: "only clones of one repository share transactions; export and import the rows instead"},
		{ID: "store.read-only", Sentinel: store.ErrReadOnly, Exit: ExitNotPermitted, Code: "not-permitted", Hint: "check who may write in the repository's folder"},
		{ID: "file.permission", Sentinel: fs.ErrPermission, Exit: ExitNotPermitted, Code: "not-permitted", Hint: "check who may read and write there"},
	}
}

// networkKinds are what comes between two sides, and what the other side refuses.
func networkKinds() []Kind {
	const versions = "use the same version of aergo on both sides"
	return []Kind{
		{ID: "peer.changed-key", Sentinel: peer.ErrChangedKey, Exit: ExitNetwork, Code: "changed-key", Hint: "somebody may be in between: ask who runs the host for its key"},
		{ID: "peer.unreachable", Sentinel: peer.ErrUnreachable, Exit: ExitNetwork, Code: "unreachable", Hint: "check the address, and that a daemon runs there"},
		{ID: "peer.unknown", Sentinel: peer.ErrUnknownPeer, Exit: ExitNetwork, Code: "unreachable", Hint: "say once where it is: aergo://PEER@HOST:PORT/REPOSITORY"},
		{ID: "peer.refused", Sentinel: peer.ErrRefused, Exit: ExitNetwork, Code: "unreachable", Hint: "something else may answer at this address; check the port"},
		{ID: "rpc.lost", Sentinel: ErrLost, Exit: ExitNetwork, Code: "cut", Hint: "aergo op log shows whether it happened; if not, run it again"},
		{ID: "rpc.stopping", Sentinel: ErrStopping, Exit: ExitBusy, Code: "busy", Hint: "nothing was changed; run it again"},
		{ID: "peer.no-identity", Sentinel: peer.ErrNoIdentity, Exit: ExitNotPermitted, Code: "no-key", Hint: "put the peer's identity file back"},
		{ID: "peer.identity-exists", Sentinel: peer.ErrIdentityExists, Exit: ExitNo, Code: "exists", Hint: "move the old identity file away first"},
		{ID: "peer.bad-identity", Sentinel: peer.ErrBadIdentity, Exit: ExitIntegrity, Code: "damaged", Hint: "restore the peer's identity file from a backup"},
		{ID: "peer.bad-known", Sentinel: peer.ErrBadKnown, Exit: ExitIntegrity, Code: "damaged", Hint: "correct the file of known peers: each line is HOST:PORT and a peer's id"},
		{ID: "transfer.denied", Sentinel: transfer.ErrDenied, Exit: ExitNotPermitted, Code: "denied", Hint: "ask an administrator of the repository for the role"},
		{ID: "transfer.busy", Sentinel: transfer.ErrBusy, Exit: ExitBusy, Code: "busy", Hint: "try again later"},
		{ID: "transfer.too-large", Sentinel: transfer.ErrTooLarge, Exit: ExitUsage, Code: "too-large", Hint: "push in parts, or ask for a higher limit", Status: http.StatusRequestEntityTooLarge},
		{ID: "transfer.version", Sentinel: transfer.ErrVersion, Exit: ExitNetwork, Code: "version", Hint: versions},
		{ID: "transfer.protocol", Sentinel: transfer.ErrProtocol, Exit: ExitNetwork, Code: "protocol", Hint: versions},
		{ID: "transfer.cut", Sentinel: transfer.ErrCut, Exit: ExitNetwork, Code: "cut", Hint: "run it again: it goes on where it stopped"},
	}
}

// integrityKinds are what is not as it was written.
func integrityKinds() []Kind {
	const fsck = "aergo fsck says what is damaged; restore it from a clone or a backup"
	return []Kind{
		{ID: "repo.format", Sentinel: repo.ErrFormat, Exit: ExitIntegrity, Code: "format", Hint: "use the version of aergo that made it, or a later one"},
		{ID: "repo.replaced", Sentinel: repo.ErrReplaced, Exit: ExitIntegrity, Code: "format", Hint: "start the daemon again: the repository that it serves is another one now"},
		{ID: "key.bad-key-file", Sentinel: key.ErrBadKeyFile, Exit: ExitIntegrity, Code: "damaged", Hint: "restore the key file from a backup"},
		{ID: "key.bad-signature", Sentinel: key.ErrBadSignature, Exit: ExitIntegrity, Code: "invalid", Hint: "aergo verify says which block is not sound"},
		{ID: "key.bad-public", Sentinel: key.ErrBadPublic, Exit: ExitIntegrity, Code: "invalid", Hint: "aergo verify says which block is not sound"},
		{ID: "directory.invalid", Sentinel: directory.ErrInvalid, Exit: ExitIntegrity, Code: "invalid", Hint: fsck},
		{ID: "branch.invalid", Sentinel: branch.ErrInvalid, Exit: ExitIntegrity, Code: "invalid", Hint: "aergo verify says which block is not sound"},
		{ID: "ref.damaged", Sentinel: ref.ErrDamaged, Exit: ExitIntegrity, Code: "damaged", Hint: fsck},
		{ID: "oplog.damaged", Sentinel: oplog.ErrDamaged, Exit: ExitIntegrity, Code: "damaged", Hint: fsck},
		{ID: "branch.damaged", Sentinel: branch.ErrDamaged, Exit: ExitIntegrity, Code: "damaged", Hint: fsck},
		{ID: "store.corrupt", Sentinel: store.ErrCorrupt, Exit: ExitIntegrity, Code: "damaged", Hint: fsck},
		{ID: "state.corrupt", Sentinel: state.ErrCorrupt, Exit: ExitIntegrity, Code: "damaged", Hint: fsck},
		{ID: "state.no-node", Sentinel: state.ErrNoNode, Exit: ExitIntegrity, Code: "damaged", Hint: fsck},
		{ID: "object.malformed", Sentinel: object.ErrMalformed, Exit: ExitIntegrity, Code: "damaged", Hint: fsck},
		{ID: "rowkey.malformed", Sentinel: rowkey.ErrMalformed, Exit: ExitIntegrity, Code: "damaged", Hint: fsck},
		{ID: "store.refused", Sentinel: store.ErrRefused, Exit: ExitIntegrity, Code: "invalid", Hint: fsck},
		{ID: "store.not-found", Sentinel: store.ErrNotFound, Exit: ExitIntegrity, Code: "damaged", Hint: fsck},
	}
}

// contractKinds are what rules have said, or what is wrong with them.
func contractKinds() []Kind {
	const test = "aergo contract test FILE tries rules before they are used"
	return []Kind{
		{ID: "contract.resolver", Sentinel: contract.ErrResolver, Exit: ExitRejected, Code: "merge-logic", Hint: "the branch's rules stop this merge: aergo branch shows them; resolve the rows on the source first"},
		{ID: "sql.program", Sentinel: sql.ErrProgram, Exit: ExitRejected, Code: "rules", Hint: test},
		{ID: "branch.no-logic", Sentinel: branch.ErrNoLogic, Exit: ExitRejected, Code: "no-merge-logic", Hint: "make a branch with one: aergo branch NAME --merge-logic=NAME"},
		{ID: "repo.no-contract", Sentinel: repo.ErrNoContract, Exit: ExitNotFound, Code: "no-contract", Hint: "aergo contract list shows them; store one with aergo contract set NAME FILE and aergo commit"},
	}
}

// storageKinds are waits that ended, and what the machine beneath says.
func storageKinds() []Kind {
	const full = "make room and run it again; nothing was changed"
	return []Kind{
		{ID: "lock.busy", Sentinel: lock.ErrBusy, Exit: ExitBusy, Code: "busy", Hint: "let the other command finish, or wait longer: --wait=1m"},
		{ID: "repo.full", Sentinel: repo.ErrFull, Exit: ExitBusy, Code: "full", Hint: "submit it again when the next block is made"},
		{ID: "repo.closed", Sentinel: repo.ErrClosed, Exit: ExitBusy, Code: "busy", Hint: "the daemon is stopping; run it again"},
		{ID: "store.busy", Sentinel: store.ErrBusy, Exit: ExitBusy, Code: "busy", Hint: "let the other command finish and run it again"},
		{ID: "errno.enospc", Sentinel: syscall.ENOSPC, Exit: ExitStorage, Code: "no-space", Hint: full},
		{ID: "errno.edquot", Sentinel: syscall.EDQUOT, Exit: ExitStorage, Code: "no-space", Hint: full},
		{ID: "errno.efbig", Sentinel: syscall.EFBIG, Exit: ExitStorage, Code: "no-space", Hint: "raise the limit on the size of files; nothing was changed"},
		{ID: "errno.erofs", Sentinel: syscall.EROFS, Exit: ExitStorage, Code: "storage", Hint: "the file system is read-only"},
		{ID: "errno.eio", Sentinel: syscall.EIO, Exit: ExitStorage, Code: "storage", Hint: "check the disk"},
		{ID: "file.not-exist", Sentinel: fs.ErrNotExist, Exit: ExitNotFound, Code: "no-file", Hint: "check the path"},
		{ID: "file.exist", Sentinel: fs.ErrExist, Exit: ExitNo, Code: "exists", Hint: "choose another path"},
		{ID: "errno.eisdir", Sentinel: syscall.EISDIR, Exit: ExitUsage, Code: "usage", Hint: "name a file, not a folder"},
		{ID: "errno.enotdir", Sentinel: syscall.ENOTDIR, Exit: ExitUsage, Code: "usage", Hint: "name a folder, not a file"},
		{ID: "deadline", Sentinel: context.DeadlineExceeded, Exit: ExitNetwork, Code: "timeout", Hint: "try again later"},
		{ID: "deadline.file", Sentinel: os.ErrDeadlineExceeded, Exit: ExitNetwork, Code: "timeout", Hint: "try again later"},
		{ID: "errno.eaddrinuse", Sentinel: syscall.EADDRINUSE, Exit: ExitNetwork, Code: "address-in-use", Hint: "choose another port: aergo daemon --listen 127.0.0.1:0 takes any that is free"},
		{ID: "errno.epipe", Sentinel: syscall.EPIPE, Exit: ExitStorage, Code: "storage", Hint: "the reader of the output has left"},
	}
}

// refusedKind is a transaction that its table does not take; table may be unknown, "".
func refusedKind(tableName string) Kind {
	if tableName == "" {
		tableName = "TABLE"
	}
	return Kind{ID: "table.refused", Exit: ExitUsage, Code: "refused", Hint: "aergo schema " + tableName + " shows what the table takes"}
}

// remoteKind is what went wrong on the other side, which does not say what.
func remoteKind() Kind {
	return Kind{ID: "transfer.remote", Exit: ExitNetwork, Code: "remote", Hint: "the other side's log says what went wrong"}
}

// interruptedKind is what was cancelled.
func interruptedKind() Kind {
	return Kind{ID: "interrupted", Exit: ExitInterrupted, Code: "interrupted", Hint: "nothing was changed; run it again", Status: statusClosed}
}

// unforeseenKind is what nobody foresaw.
func unforeseenKind() Kind {
	return Kind{ID: "bug", Exit: ExitBug, Code: "bug", Hint: "please report this, with the command that you ran"}
}

// statusClosed is what servers log when the client has left.
const statusClosed = 499
