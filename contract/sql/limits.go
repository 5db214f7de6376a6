package sql

import "slices"

// Limits of a resolver's source.
const (
	MaxSourceBytes = 64 << 10
	MaxRules       = 256
	MaxTokens      = 4096 // words and signs of one rule
	maxRefs        = 100
	maxSelects     = 32
	maxCopies      = 4096 // of what WITH names
	maxDepth       = 100  // of an expression
	maxCompound    = 16   // SELECTs of one UNION
	maxColumns     = 100
	maxArguments   = 16
	// A text in a rule fits every case: SQLite looks at its length the first time only.
	maxTextBytes = spareBytes
)

// Limits of a run. Steps are SQLite's instructions, and one more for each bytesPerStep that
// a function of this package reads. The longest value is a spare plus twice what the rule
// looks at; steps and that length bound each other, so that no case takes more than about
// workBytes of memory or of copying.
const (
	MaxSteps       = 50_000
	minSteps       = 1_000
	stepGrain      = 1_000 // SQLite asks once in so many
	spareBytes     = 4 << 10
	workBytes      = 256 << 20
	bytesPerStep   = 64
	maxReasonBytes = 1 << 10
	memoryBytes    = 128 << 20 // a guard: steps and lengths end first
	compileBytes   = 16 << 20  // for the statements of all rules
)

// allowance returns the length of the longest value and the number of steps of a case in
// which a rule looks at values of so many bytes.
func allowance(inputBytes int) (lengthBytes, steps int) {
	lengthBytes = spareBytes + 2*inputBytes
	steps = workBytes / lengthBytes / stepGrain * stepGrain
	return lengthBytes, min(max(steps, minSteps), MaxSteps)
}

// nativeFunctions are SQLite's own that a rule may call: pure, exact, and no slower than
// their arguments are long.
var nativeFunctions = [...]string{
	"abs", "char", "coalesce", "concat", "concat_ws", "count", "group_concat", "hex", "if", "ifnull", "iif", "json",
	"json_array", "json_array_length", "json_extract", "json_group_array", "json_group_object", "json_object",
	"json_quote", "json_type", "json_valid", "length", "lower", "max", "min", "nullif", "octet_length", "quote", "sign",
	"string_agg", "substr", "substring", "sum", "typeof", "unicode", "upper", "->", "->>",
}

// collations are the orders of texts that a rule may name. SQLite's others take numbers of
// any exponent apart.
var collations = [...]string{"binary", "nocase", "rtrim"}

func allowedFunction(name string) bool {
	return slices.Contains(nativeFunctions[:], name) || slices.ContainsFunc(ownFunctions[:], func(f function) bool { return f.name == name })
}
