package daemon

import (
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"aergo/net/problem"
)

// Settings say how a daemon runs. Setting has what each is for.
type Settings struct {
	Root             string
	Listen           []string
	Public           bool
	Readable         []string
	Status           string
	Gateway          string
	ReadyFile        string
	LogFormat        string
	LogLevel         string
	OpenRepositories int
	Conversations    int
	PushBytes        int
	StopWait         time.Duration
}

// Defaults are what holds where nothing else is said. The root is empty.
func Defaults() Settings {
	return Settings{
		Listen: []string{"127.0.0.1:7846"}, LogFormat: "text", LogLevel: "info",
		OpenRepositories: 16, Conversations: 256, PushBytes: 16 << 30, StopWait: 15 * time.Second,
	}
}

// Setting is one of them: its name in a file, what it is for, and where its value came from.
type Setting struct {
	Name string // "stop_wait": in the environment AERGO_DAEMON_STOP_WAIT, as an option --stop-wait
	Help string
	From string // "default", "file", "environment", "option"

	value any // a pointer
}

// settings lists them.
func (s *Settings) settings() []Setting {
	return []Setting{
		{Name: "root", Help: "serve the repositories below `DIR`", value: &s.Root},
		{Name: "listen", Help: "listen at `IP:PORT`, by TCP and QUIC; port 0 is any that is free; may be repeated", value: &s.Listen},
		{Name: "public", Help: "listen where other machines can reach it", value: &s.Public},
		{Name: "readable", Help: "let everybody read the repositories that match `PATTERN`, such as open or team/*; may be repeated", value: &s.Readable},
		{Name: "status", Help: "answer for health, readiness and metrics by HTTP at `IP:PORT` (default: not at all)", value: &s.Status},
		{Name: "gateway", Help: "show repositories by HTTP, as JSON and as pages, at `IP:PORT` (default: not at all)", value: &s.Gateway},
		{Name: "ready_file", Help: "write the addresses as JSON to `FILE` when ready", value: &s.ReadyFile},
		{Name: "log_format", Help: "`FORMAT` of the log on stderr: text or json", value: &s.LogFormat},
		{Name: "log_level", Help: "the least `LEVEL` that is logged: debug, info, warn or error", value: &s.LogLevel},
		{Name: "open_repositories", Help: "keep at most `N` repositories open", value: &s.OpenRepositories},
		{Name: "conversations", Help: "hold at most `N` conversations with peers at the same time", value: &s.Conversations},
		{Name: "push_bytes", Help: "take at most `N` bytes by one push", value: &s.PushBytes},
		{Name: "stop_wait", Help: "when asked to stop, wait at most `DURATION` for what goes on", value: &s.StopWait},
	}
}

// ErrBadSetting says that a setting is unknown or makes no sense.
var ErrBadSetting = problem.Usagef("aergo daemon --help tells about the settings, --show-config where each comes from", "bad setting")

// List returns the settings with their defaults.
func List() []Setting {
	s := Defaults()
	return s.settings()
}

// Option returns the name of a setting on the command line, without dashes.
func (s Setting) Option() string { return strings.ReplaceAll(s.Name, "_", "-") }

// Variable returns the name of a setting in the environment.
func (s Setting) Variable() string { return "AERGO_DAEMON_" + strings.ToUpper(s.Name) }

// IsSwitch says whether a setting is true or false.
func (s Setting) IsSwitch() bool { _, ok := s.value.(*bool); return ok }

// Value returns a string, a list of strings, a bool or an int.
func (s Setting) Value() any {
	switch v := s.value.(type) {
	case *string:
		return *v
	case *[]string:
		return append([]string{}, *v...)
	case *bool:
		return *v
	case *int:
		return *v
	case *time.Duration:
		return v.String()
	}
	return nil
}

// String writes the value as a file has it.
func (s Setting) String() string {
	switch v := s.Value().(type) {
	case string:
		return strconv.Quote(v)
	case []string:
		quoted := make([]string, len(v))
		for i, x := range v {
			quoted[i] = strconv.Quote(x)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	default:
		return fmt.Sprint(v)
	}
}

// set reads values that were typed.
func (s Setting) set(typed ...string) error {
	last := ""
	if len(typed) > 0 {
		last = typed[len(typed)-1]
	}
	var err error
	switch v := s.value.(type) {
	case *string:
		*v = last
	case *[]string:
		*v = slices.Clone(typed)
	case *bool:
		*v, err = strconv.ParseBool(last)
	case *int:
		*v, err = strconv.Atoi(last)
	case *time.Duration:
		*v, err = time.ParseDuration(last)
	}
	if err != nil {
		return fmt.Errorf("%s: %w: %q is no value for it", s.Name, ErrBadSetting, last)
	}
	return nil
}

// Sources are where settings come from. What stands further down holds.
type Sources struct {
	File        string // in TOML
	FileName    string // for errors
	Environment func(name string) string
	Options     map[string][]string // by Setting.Option
}

// Load returns the settings: those of the options, else of the environment, else of the
// file, else the defaults. The error wraps ErrBadSetting.
func Load(from Sources) (Settings, []Setting, error) {
	s := Defaults()
	all := s.settings()
	inFile := map[string]any{}
	if _, err := toml.Decode(from.File, &inFile); err != nil {
		return s, nil, fmt.Errorf("%s: %w: %w", from.FileName, ErrBadSetting, err)
	}
	for i := range all {
		each := &all[i]
		each.From = "default"
		if v, ok := inFile[each.Name]; ok {
			delete(inFile, each.Name)
			typed, ok := each.typed(v)
			if !ok {
				return s, nil, fmt.Errorf("%s: %s: %w: a value of another type", from.FileName, each.Name, ErrBadSetting)
			}
			if err := each.set(typed...); err != nil {
				return s, nil, fmt.Errorf("%s: %w", from.FileName, err)
			}
			each.From = "file"
		}
		if v := from.Environment(each.Variable()); v != "" {
			if err := each.set(each.split(v)...); err != nil {
				return s, nil, fmt.Errorf("%s: %w", each.Variable(), err)
			}
			each.From = "environment"
		}
		if v, ok := from.Options[each.Option()]; ok {
			if err := each.set(v...); err != nil {
				return s, nil, fmt.Errorf("--%s: %w", each.Option(), err)
			}
			each.From = "option"
		}
	}
	for name := range inFile {
		return s, nil, fmt.Errorf("%s: %w: there is none called %q", from.FileName, ErrBadSetting, name)
	}
	return s, all, s.check()
}

// split cuts what the environment says at commas, if it is a list.
func (s Setting) split(v string) []string {
	if _, ok := s.value.(*[]string); ok {
		return strings.Split(v, ",")
	}
	return []string{v}
}

// typed returns a value of a file as it would have been typed, if its type is right.
func (s Setting) typed(v any) ([]string, bool) {
	switch s.value.(type) {
	case *string, *time.Duration:
		text, ok := v.(string)
		return []string{text}, ok
	case *bool:
		b, ok := v.(bool)
		return []string{strconv.FormatBool(b)}, ok
	case *int:
		n, ok := v.(int64)
		return []string{strconv.FormatInt(n, 10)}, ok
	case *[]string:
		list, ok := v.([]any)
		typed := []string{}
		for _, x := range list {
			text, isText := x.(string)
			ok = ok && isText
			typed = append(typed, text)
		}
		return typed, ok
	}
	return nil, false
}

// check finds what makes no sense.
func (s Settings) check() error {
	switch {
	case s.LogFormat != "text" && s.LogFormat != "json":
		return fmt.Errorf("log_format: %w: text or json", ErrBadSetting)
	case s.OpenRepositories < 1 || s.Conversations < 1 || s.PushBytes < 1:
		return fmt.Errorf("%w: open_repositories, conversations and push_bytes are at least 1", ErrBadSetting)
	case s.StopWait < 0:
		return fmt.Errorf("stop_wait: %w: it is not below 0", ErrBadSetting)
	}
	if _, err := s.level(); err != nil {
		return err
	}
	return checkPatterns(s.Readable)
}

func (s Settings) level() (slog.Level, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(s.LogLevel)); err != nil {
		return 0, fmt.Errorf("log_level: %w: debug, info, warn or error", ErrBadSetting)
	}
	return l, nil
}
