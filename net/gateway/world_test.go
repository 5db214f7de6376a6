package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aergo/repo"
	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/store/faultfs"
	"aergo/testdata/multicodec"
)

// hostileText is what a stranger would like a page to run.
const hostileText = `"><script>alert(1)</script><img src=x onerror=alert(1)>'` + "\u202e\x1b[31m`{{.}}${1}"

// hostileName is the same as far as names of fields and keys of rows may have it.
const hostileName = `"><script>alert(2)</script><img src=x onerror=alert(2)>'` + "`{{0}}"

// world is repositories, and who may read them.
type world struct {
	t     testing.TB
	repos map[string]*repo.Repo
	// may answers Allow; a private repository's branches are those of its readers.
	may func(who object.Identity, repository string, verb Verb, branch ref.Name) bool

	mu      sync.Mutex
	reports []Report
}

var errBroken = fmt.Errorf("open /secret/place: %w", io.ErrUnexpectedEOF)

func (w *world) Names(context.Context) ([]string, error) {
	var names []string
	for name := range w.repos {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

func (w *world) Open(_ context.Context, name string) (Repository, func(), error) {
	if name == "broken" {
		return nil, nil, errBroken
	}
	r, ok := w.repos[name]
	if !ok {
		return nil, nil, fmt.Errorf("%s: %w", name, repo.ErrNoRepository)
	}
	return r, func() {}, nil
}

func (w *world) Authenticate(_ context.Context, token string) (object.Identity, error) {
	name, ok := strings.CutPrefix(token, "token-of-")
	if !ok {
		return object.Identity{}, fmt.Errorf("token: %w", ErrBadToken)
	}
	return object.Identity{Name: name, Key: key.FromSeed([32]byte{name[0]}).Public()}, nil
}

func (w *world) Allow(_ context.Context, who object.Identity, repository string, verb Verb, branch ref.Name) error {
	if w.may(who, repository, verb, branch) {
		return nil
	}
	return fmt.Errorf("%s on %s: %w", verb, repository, ErrDenied)
}

// newWorld returns a world with a repository that everybody may read, one that ada may, and
// one of whose branches bob may read one.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, repos: map[string]*repo.Repo{}}
	w.may = func(who object.Identity, repository string, verb Verb, branch ref.Name) bool {
		switch {
		case who.Name == "ada":
			return true
		case verb != Read:
			return false
		case repository == "codecs" || repository == "team/hostile" || repository == "broken":
			return true
		}
		return repository == "shared" && who.Name == "bob" && branch == "open"
	}
	w.codecs()
	w.hostile()
	w.shared()
	w.empty("secret")
	return w
}

func (w *world) empty(name string) *story {
	w.t.Helper()
	ring := key.NewKeyring(faultfs.New())
	for _, who := range []string{"ada", "bob"} {
		if err := ring.Add(w.t.Context(), who, key.FromSeed([32]byte{who[0]})); err != nil {
			w.t.Fatal(err)
		}
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r, err := repo.Init(w.t.Context(), faultfs.New(), repo.Options{
		Keys: ring, Identity: "ada", Who: "ada", Workers: 2, Random: rand.NewChaCha8([32]byte{1}),
		Clock: func() time.Time { now = now.Add(47 * time.Minute); return now },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = r.Close() })
	w.repos[name] = r
	return &story{t: w.t, r: r}
}

// story makes a history.
type story struct {
	t testing.TB
	r *repo.Repo
}

func (s *story) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// commit applies lines as somebody and commits them.
func (s *story) commit(who, message string, lines ...string) repo.Committed {
	s.t.Helper()
	_, err := s.r.ApplyLines(s.t.Context(), strings.NewReader(strings.Join(lines, "\n")))
	s.must(err)
	c, err := s.r.Commit(s.t.Context(), repo.CommitRequest{Message: message, As: who})
	s.must(err)
	return c
}

func (s *story) branch(name ref.Name) {
	s.t.Helper()
	_, err := s.r.CheckoutNew(s.t.Context(), name, "")
	s.must(err)
}

func (s *story) checkout(name ref.Name) {
	s.t.Helper()
	_, err := s.r.Checkout(s.t.Context(), name)
	s.must(err)
}

func (s *story) merge(source, message string) repo.Merged {
	s.t.Helper()
	m, err := s.r.Merge(s.t.Context(), repo.MergeRequest{Source: source, Message: message})
	s.must(err)
	return m
}

// codecs is a real table with branches, a conflict, and a block whose transactions meet.
func (w *world) codecs() {
	s := w.empty("codecs")
	_, err := s.r.Import(w.t.Context(), bytes.NewReader(multicodec.Before), repo.ImportRequest{Table: "codecs", Format: "csv", Key: []string{"code"}})
	s.must(err)
	_, err = s.r.Commit(w.t.Context(), repo.CommitRequest{Message: "The table on 9 June 2019"})
	s.must(err)
	_, err = s.r.CreateTag(w.t.Context(), "june-2019", "", "As it was")
	s.must(err)
	s.branch("json")
	s.commit("bob", "Add JSON", `{"op":"put","table":"codecs","key":"0x0200","fields":{"name":"json","tag":"serialization","description":"JSON (UTF-8-encoded)"}}`)
	s.checkout("master")
	s.branch("messagepack")
	s.commit("bob", "Add MessagePack serialization format", `{"op":"put","table":"codecs","key":"0x0200","fields":{"name":"messagepack","tag":"serialization","description":"MessagePack"}}`,
		`{"op":"put","table":"codecs","key":"0x0201","fields":{"name":"messagepack-ext","tag":"serialization","description":"Its extension types"}}`)
	s.checkout("master")
	s.commit("ada", "Say what zeronet is", `{"op":"put","table":"codecs","key":"0x1000","fields":{"name":"zeronet","tag":"namespace","description":"ZeroNet site address"}}`)
	s.merge("json", "Merge json")
	s.merge("messagepack", "Merge messagepack")
	s.commit("ada", "Stock of the shop",
		`{"op":"put","table":"stock","key":["eu","42"],"fields":{"count":12,"price":10.25,"name":{"first":"Ada"},"note":null,"tags":["a","b"],"ok":true}}`,
		`{"op":"put","table":"stock","key":["us","7"],"fields":{"count":3,"price":0.99,"note":"Handle\nwith care"}}`)
	var lines []string
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 5000 {
		account := fmt.Sprintf("k%04d", rng.IntN(9000))
		if rng.IntN(20) == 0 {
			account = "exchange"
		}
		lines = append(lines, fmt.Sprintf(`{"op":"put","table":"accounts","key":%q,"fields":{"balance":%d},"force":true}`, account, i))
	}
	s.commit("bob", "Payments of the day\n\nAs the bank reported them.", lines...)
	_, err = s.r.SetContract(w.t.Context(), "stock", []byte("-- what both sides added counts\non stock.count: ours + theirs - base;\n"))
	s.must(err)
	s.commit("ada", "Rules for the stock")
	_, err = s.r.FoundBranch(w.t.Context(), "shop", "", "stock")
	s.must(err)
	s.branch("spring")
	s.commit("bob", "Correct what was counted", `{"op":"put","table":"stock","key":["eu","42"],"fields":{"count":11,"note":"counted again"}}`, `{"op":"del","table":"stock","key":["us","7"]}`,
		`{"op":"put","table":"codecs","key":"0x1000","fields":{"tag":"multiaddr"}}`)
	s.checkout("master")
	s.commit("ada", "Prices of March", `{"op":"put","table":"stock","key":["eu","42"],"fields":{"price":11.5}}`, `{"op":"put","table":"codecs","key":"0x1000","fields":{"tag":"zeronet"}}`)
	s.merge("spring", "Merge spring")
}

// hostile has scripts wherever a name or value may have them.
func (w *world) hostile() {
	s := w.empty("team/hostile")
	text, err := json.Marshal(hostileText)
	s.must(err)
	name, err := json.Marshal(hostileName)
	s.must(err)
	s.commit("ada", hostileText+"\nand more", fmt.Sprintf(`{"op":"put","table":"t","key":%s,"fields":{%s:%s,"n":1}}`, name, name, text))
	s.branch("other")
	s.commit("bob", hostileText, fmt.Sprintf(`{"op":"put","table":"t","key":%s,"fields":{%s:"theirs"}}`, name, name))
	s.checkout("master")
	s.commit("ada", hostileText, fmt.Sprintf(`{"op":"put","table":"t","key":%s,"fields":{%s:"ours"}}`, name, name))
	s.merge("other", hostileText)
	_, err = s.r.SetContract(w.t.Context(), hostileName, []byte("-- "+hostileName+"\non t.n: ours;\n"))
	s.must(err)
	s.commit("ada", "contract")
}

// shared has a branch for many and one for few.
func (w *world) shared() {
	s := w.empty("shared")
	s.commit("ada", "first", `{"op":"put","table":"t","key":"a","fields":{"n":1}}`)
	s.branch("open")
	s.commit("ada", "open work", `{"op":"put","table":"t","key":"b","fields":{"n":1}}`)
	s.checkout("master")
	s.commit("ada", "closed work", `{"op":"put","table":"t","key":"c","fields":{"n":1}}`)
	_, err := s.r.CreateTag(w.t.Context(), "closed-tag", "", "")
	s.must(err)
	_, err = s.r.CreateTag(w.t.Context(), "open-tag", "open", "")
	s.must(err)
}

func (w *world) report(r Report) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reports = append(w.reports, r)
	if r.Status == http.StatusInternalServerError {
		w.t.Logf("%s %s: %v", r.Method, r.Route, r.Err)
	}
}

// gateway returns a gateway over the world.
func (w *world) gateway(change ...func(o *Options)) *Gateway {
	w.t.Helper()
	o := Options{Repositories: w, Access: w, Report: w.report}
	for _, c := range change {
		c(&o)
	}
	g, err := New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	return g
}

// ask asks a gateway, as somebody if who is not empty.
func ask(t testing.TB, g http.Handler, who, target string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	if who != "" {
		r.Header.Set("Authorization", "Bearer token-of-"+who)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	out := httptest.NewRecorder()
	g.ServeHTTP(out, r)
	return out
}

// get is ask for what must be there.
func get(t testing.TB, g http.Handler, who, target string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	out := ask(t, g, who, target, headers...)
	if out.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", target, out.Code, out.Body.String())
	}
	return out
}
