package transfer

import (
	"fmt"
	"strings"

	"aergo/branch"
	"aergo/repo/object"
	"aergo/repo/ref"
)

// Version is the version of the protocol that this package speaks.
const Version = 1

// ProtocolID names the protocol where streams are told apart by name. Its number is that
// of the frames and of the first message, which agree on everything else.
const ProtocolID = "/aergo/transfer/1"

// Limits of messages. What is beyond them breaks the protocol.
const (
	maxWant       = 512     // objects that are asked for at once
	maxAhead      = 16      // requests that wait for their answers
	maxHistory    = 4 << 10 // blocks that are listed at once
	maxHeads      = 64      // from which they are listed
	maxRefs       = 1 << 18 // branches, and tags, of a repository
	maxListBytes  = 64 << 20
	maxAskedBytes = 8 << 20 // of what a server takes from a client
	maxTextBytes  = 4 << 10
	maxCodeBytes  = 64
	maxPathBytes  = 8 * (ref.NameMaxBytes + 1)
)

// The numbers of messages, which are never used again.
const (
	numberHello   = 0
	numberWelcome = 1
	numberRefusal = 2
	numberList    = 3
	numberRefs    = 4
	numberHistory = 5
	numberBlocks  = 6
	numberWant    = 7
	numberObjects = 8
	numberMerge   = 9
	numberWorking = 10
	numberMerged  = 11

	numberSubmit    = 12
	numberFollow    = 13
	numberSubmitted = 14
)

// message is one of the types below, in a pointer.
type message interface {
	// append appends the one encoding of the message, which begins with its number.
	append(b []byte) []byte
	// read reads what follows the number. It must not keep the reader's bytes, but in an
	// objects.
	read(r *object.Reader)
	// size returns the number of elements.
	size() int
}

// hello opens a conversation.
type hello struct {
	Min, Max   uint64 // versions that the client speaks
	Repository string
	Lineage    object.Hash // that it must be of; zero for any
}

// welcome answers a hello.
type welcome struct {
	Version            uint64
	Lineage, Directory object.Hash
}

// refusal ends a conversation, or says why a request failed.
type refusal struct {
	Code  Code
	Fault branch.Fault
	Text  string
}

// list asks where the repository stands, and is answered by a refs.
type list struct{}

// history asks for the blocks that the heads lead to, and is answered by a blocks.
type history struct {
	Heads []object.Hash
	Limit uint64
}

// blocks lists blocks, breadth first: each is one of the heads, or one before it leads
// to it.
type blocks struct{ IDs []object.Hash }

// want asks for objects, and is answered by one or more objects.
type want struct{ Hashes []object.Hash }

// working says that a merge goes on.
type working struct{}

// kindOf returns an empty message of the number, nil if there is none.
func kindOf(number uint64) message {
	switch number {
	case numberHello:
		return &hello{}
	case numberWelcome:
		return &welcome{}
	case numberRefusal:
		return &refusal{}
	case numberList:
		return &list{}
	case numberRefs:
		return &refs{}
	case numberHistory:
		return &history{}
	case numberBlocks:
		return &blocks{}
	case numberWant:
		return &want{}
	case numberObjects:
		return &objects{}
	case numberMerge:
		return &merge{}
	case numberWorking:
		return &working{}
	case numberMerged:
		return &merged{}
	case numberSubmit:
		return &submit{}
	case numberFollow:
		return &follow{}
	case numberSubmitted:
		return &submitted{}
	}
	return nil
}

// decode reads a message, strictly: what it accepts encodes again to the same bytes.
func decode(b []byte) (message, error) {
	r := object.NewReader(b)
	elements := r.Array(16)
	number := r.Uint()
	m := kindOf(number)
	switch {
	case r.Err() != nil:
	case m == nil:
		r.Fail("message number %d", number)
	case elements != m.size():
		r.Fail("message number %d with %d elements", number, elements)
	default:
		m.read(r)
	}
	if err := r.End(); err != nil {
		return nil, fmt.Errorf("message: %w", err)
	}
	return m, nil
}

// head appends the beginning of a message.
func head(b []byte, m message, number uint64) []byte {
	return object.AppendUint(object.AppendArray(b, m.size()), number)
}

func (m *hello) size() int { return 5 }
func (m *hello) append(b []byte) []byte {
	b = head(b, m, numberHello)
	b = object.AppendUint(b, m.Min)
	b = object.AppendUint(b, m.Max)
	b = object.AppendText(b, m.Repository)
	return object.AppendHash(b, m.Lineage)
}

func (m *hello) read(r *object.Reader) {
	m.Min, m.Max, m.Repository, m.Lineage = r.Uint(), r.Uint(), r.Text(maxPathBytes), r.Hash()
	if m.Min > m.Max {
		r.Fail("versions %d to %d", m.Min, m.Max)
	}
}

func (m *welcome) size() int { return 4 }
func (m *welcome) append(b []byte) []byte {
	b = object.AppendUint(head(b, m, numberWelcome), m.Version)
	return object.AppendHash(object.AppendHash(b, m.Lineage), m.Directory)
}

func (m *welcome) read(r *object.Reader) {
	m.Version, m.Lineage, m.Directory = r.Uint(), r.Hash(), r.Hash()
}

func (m *refusal) size() int { return 3 }
func (m *refusal) append(b []byte) []byte {
	return m.appendTo(head(b, m, numberRefusal))
}

// appendTo appends the code, with the fault behind a slash if there is one, and the words.
func (m *refusal) appendTo(b []byte) []byte {
	code := string(m.Code)
	if m.Fault != "" {
		code += "/" + string(m.Fault)
	}
	return object.AppendText(object.AppendText(b, code), clip(m.Text))
}

func (m *refusal) read(r *object.Reader) { m.readFrom(r) }

func (m *refusal) readFrom(r *object.Reader) {
	code, fault, more := strings.Cut(r.Text(maxCodeBytes), "/")
	if more && (code == "" || fault == "") {
		r.Fail("half of a code")
	}
	m.Code, m.Fault, m.Text = Code(code), branch.Fault(fault), r.Text(maxTextBytes)
}

func (m *list) size() int              { return 1 }
func (m *list) append(b []byte) []byte { return head(b, m, numberList) }
func (m *list) read(*object.Reader)    {}

func (m *history) size() int { return 3 }
func (m *history) append(b []byte) []byte {
	return object.AppendUint(appendHashes(head(b, m, numberHistory), m.Heads), m.Limit)
}

func (m *history) read(r *object.Reader) {
	m.Heads, m.Limit = readHashes(r, maxHeads), r.UintMax(maxHistory)
}

func (m *blocks) size() int              { return 2 }
func (m *blocks) append(b []byte) []byte { return appendHashes(head(b, m, numberBlocks), m.IDs) }
func (m *blocks) read(r *object.Reader)  { m.IDs = readHashes(r, maxHistory) }

func (m *want) size() int              { return 2 }
func (m *want) append(b []byte) []byte { return appendHashes(head(b, m, numberWant), m.Hashes) }
func (m *want) read(r *object.Reader) {
	if m.Hashes = readHashes(r, maxWant); len(m.Hashes) == 0 {
		r.Fail("nothing is wanted")
	}
}

func (m *working) size() int              { return 1 }
func (m *working) append(b []byte) []byte { return head(b, m, numberWorking) }
func (m *working) read(*object.Reader)    {}

// Hashes travel as one string of bytes, one after the other.
func appendHashes(b []byte, all []object.Hash) []byte {
	joined := make([]byte, 0, len(all)*object.HashSize)
	for _, h := range all {
		joined = append(joined, h[:]...)
	}
	return object.AppendBytes(b, joined)
}

func readHashes(r *object.Reader, max int) []object.Hash {
	joined := r.Bytes(max * object.HashSize)
	if len(joined)%object.HashSize != 0 {
		r.Fail("%d bytes of hashes", len(joined))
		return nil
	}
	all := make([]object.Hash, len(joined)/object.HashSize)
	for i := range all {
		all[i] = object.Hash(joined[i*object.HashSize:])
	}
	return all
}

func appendBool(b []byte, yes bool) []byte {
	if yes {
		return object.AppendUint(b, 1)
	}
	return object.AppendUint(b, 0)
}

func readBool(r *object.Reader) bool { return r.UintMax(1) == 1 }

// clip makes text fit, and valid.
func clip(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) <= maxTextBytes {
		return s
	}
	return strings.ToValidUTF8(s[:maxTextBytes-3], "") + "..."
}

// CheckRepository refuses what is no name of a repository: one to eight names in the sense
// of ref.ParseName with slashes between them. Such a name stays below the folder that it
// is looked up in. The error wraps ref.ErrBadName.
func CheckRepository(name string) error {
	parts := strings.Split(name, "/")
	if len(parts) > 8 {
		return fmt.Errorf("repository: %w", &ref.NameError{Name: name, Rule: "must not have more than 8 parts"})
	}
	for _, part := range parts {
		if err := ref.Name(part).Check(); err != nil {
			return fmt.Errorf("repository: %w", err)
		}
	}
	return nil
}
