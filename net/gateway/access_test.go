package gateway

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"aergo/repo/object"
	"aergo/repo/ref"
)

// addresses are one of each route, of a repository.
func addresses(t testing.TB, w *world, name string) []string {
	tx := excludedTx(t, w)
	var out []string
	for _, target := range []string{
		"status", "branches", "tags", "resolve", "log", "show", "diff", "diffstat", "tables", "schema?table=t", "rows?table=t", "get?table=t&key=a", "blame?table=t&key=a", "excluded",
		"conflicts", "transaction?tx=" + tx, "why?tx=" + tx, "dtt", "dtt.svg", "contracts", "contract?name=c", "objects/" + strings.Repeat("ab", 32), "log?rev=nobody", "log?limit=x",
	} {
		out = append(out, "/api/v1/repositories/"+name+"/-/"+target)
	}
	for _, target := range []string{
		"", "/-/history", "/-/block", "/-/diff", "/-/tree", "/-/table?table=t", "/-/row?table=t&key=a", "/-/excluded", "/-/tx?tx=" + tx, "/-/contract?name=c", "/-/search?q=a",
	} {
		out = append(out, "/r/"+name+target)
	}
	return out
}

// TestPrivateRepositoriesGiveNothingAway compares, for every address, the whole answer about a
// repository that the asker may not read with that about one that does not exist.
func TestPrivateRepositoriesGiveNothingAway(t *testing.T) {
	w := newWorld(t)
	g := w.gateway()
	missing := addresses(t, w, "absent")
	for i, target := range addresses(t, w, "secret") {
		for _, who := range []string{"", "bob"} {
			got, want := ask(t, g, who, target), ask(t, g, who, missing[i])
			if strings.ReplaceAll(got.Body.String(), "secret", "absent") != want.Body.String() || got.Code != want.Code {
				t.Errorf("%s for %q: %d %s, want %d %s", target, who, got.Code, got.Body.String(), want.Code, want.Body.String())
			}
			for name := range got.Header() {
				if got.Header().Get(name) != want.Header().Get(name) {
					t.Errorf("%s for %q: %s is %q, want %q", target, who, name, got.Header().Get(name), want.Header().Get(name))
				}
			}
			if want := http.StatusNotFound; got.Code != want && !strings.HasSuffix(target, "limit=x") {
				t.Errorf("%s for %q: %d", target, who, got.Code)
			}
		}
	}
	for who, want := range map[string]string{
		"":    `{"items":[{"name":"codecs"},{"name":"team/hostile"}],"next":null}`,
		"bob": `{"items":[{"name":"codecs"},{"name":"shared"},{"name":"team/hostile"}],"next":null}`,
		"ada": `{"items":[{"name":"codecs"},{"name":"secret"},{"name":"shared"},{"name":"team/hostile"}],"next":null}`,
	} {
		if got := get(t, g, who, "/api/v1/repositories").Body.String(); strings.TrimSpace(got) != want {
			t.Errorf("%q sees %s", who, got)
		}
		if home := get(t, g, who, "/").Body.String(); strings.Contains(home, "secret") != (who == "ada") || strings.Contains(home, "shared") != (who != "") {
			t.Errorf("%q sees on the first page\n%s", who, home)
		}
	}
	for _, r := range w.reports {
		if r.Repository == "secret" && r.Who.Name != "ada" {
			t.Errorf("the report names %s", r.Repository)
		}
	}
	get(t, g, "ada", "/r/secret")
	get(t, g, "ada", "/api/v1/repositories/secret/-/log")
}

// TestReadersOfOneBranchSeeNothingOfOthers asks, for who may read one branch, after all that is
// on another.
func TestReadersOfOneBranchSeeNothingOfOthers(t *testing.T) {
	w := newWorld(t)
	g := w.gateway()
	const base = "/api/v1/repositories/shared/-/"
	ctx := t.Context()
	r := w.repos["shared"]
	closed, err := r.Resolve(ctx, "master")
	if err != nil {
		t.Fatal(err)
	}
	open, err := r.Resolve(ctx, "open")
	if err != nil {
		t.Fatal(err)
	}
	shown, err := r.Show(ctx, "master")
	if err != nil {
		t.Fatal(err)
	}
	batch := shown.Batches[0].ID.String()
	for _, rev := range []string{"master", "closed-tag", closed.ID.String(), closed.ID.String()[:8], "master@2", "HEAD@3", "open@9", "@{1}", "origin/master", batch, "nobody"} {
		for _, verb := range []string{"log?rev=", "show?rev=", "resolve?rev=", "diff?from=", "diff?to=", "tables?at=", "dtt?rev=", "excluded?rev=", "get?table=t&key=a&at="} {
			if out := ask(t, g, "bob", base+verb+rev); out.Code != http.StatusNotFound || !strings.Contains(out.Body.String(), `"no-revision"`) {
				t.Errorf("%s%s: %d %s", verb, rev, out.Code, out.Body.String())
			}
		}
	}
	for _, target := range []string{"transaction?tx=" + batch + ".0", "why?tx=" + batch[:8] + ".0", "objects/" + closed.ID.String(), "objects/" + open.ID.String()} {
		if out := ask(t, g, "bob", base+target); out.Code != http.StatusNotFound {
			t.Errorf("%s: %d %s", target, out.Code, out.Body.String())
		}
	}
	for target, want := range map[string]string{
		"resolve": open.ID.String(), "resolve?rev=HEAD": open.ID.String(), "resolve?rev=open-tag": open.ID.String(), "resolve?rev=HEAD~1": open.Parent.String(), "resolve?rev=" + open.ID.String()[:10]: open.ID.String(),
		"status": `"branch":"open"`, "branches": `"open"`, "tags": `"open-tag"`, "rows?table=t": `"b"`,
	} {
		body := get(t, g, "bob", base+target).Body.String()
		if !strings.Contains(body, want) || strings.Contains(body, "master") || strings.Contains(body, "closed") || strings.Contains(body, `"c"`) {
			t.Errorf("%s: %s", target, body)
		}
	}
	for _, page := range []string{"", "/-/history", "/-/block", "/-/diff", "/-/search?q=c", "/-/search?q=" + closed.ID.Short(), "/-/excluded", "/-/table?table=t"} {
		if body := get(t, g, "bob", "/r/shared"+page).Body.String(); strings.Contains(body, "master") || strings.Contains(body, "closed") || strings.Contains(body, closed.ID.String()) {
			t.Errorf("%s:\n%s", page, body)
		}
	}
	if out := ask(t, g, "", base+"status"); out.Code != http.StatusNotFound {
		t.Errorf("anybody: %d", out.Code)
	}
}

func TestTokens(t *testing.T) {
	w := newWorld(t)
	g := w.gateway()
	basic := func(user, password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	const target = "/api/v1/repositories/secret/-/status"
	for header, want := range map[string]int{
		"Bearer token-of-ada": 200, "bearer token-of-ada": 200, basic("any", "token-of-ada"): 200, "Bearer token-of-bob": 404, "Bearer nobody": 401, "Bearer ": 401, "Bearer": 401, "Basic x": 401,
		"Digest x": 401, basic("token-of-ada", ""): 401,
	} {
		out := ask(t, g, "", target, "Authorization", header)
		if out.Code != want {
			t.Errorf("%s: %d, want %d", header, out.Code, want)
		}
		if want == 401 && (!strings.HasPrefix(out.Header().Get("WWW-Authenticate"), "Bearer") || !strings.Contains(out.Body.String(), `"unauthenticated"`)) {
			t.Errorf("%s: %v %s", header, out.Header(), out.Body.String())
		}
	}
	two := httptest.NewRequest(http.MethodGet, target, nil)
	two.Header["Authorization"] = []string{"Bearer token-of-ada", "Bearer token-of-bob"}
	out := httptest.NewRecorder()
	g.ServeHTTP(out, two)
	if out.Code != http.StatusUnauthorized {
		t.Errorf("two tokens: %d", out.Code)
	}
	if out := ask(t, g, "", "/signin"); out.Code != http.StatusUnauthorized || !strings.HasPrefix(out.Header().Get("WWW-Authenticate"), "Basic") {
		t.Errorf("sign in: %d %v", out.Code, out.Header())
	}
	if out := ask(t, g, "ada", "/signin"); out.Code != http.StatusOK || !strings.Contains(out.Body.String(), "You are ada") || out.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("signed in: %d %v", out.Code, out.Header())
	}
}

// blocked holds every request for the list of repositories until it is let go.
type blocked struct {
	*world
	entered chan struct{}
	release chan struct{}
}

func (b *blocked) Names(ctx context.Context) ([]string, error) {
	b.entered <- struct{}{}
	select {
	case <-b.release:
		return nil, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestRequestsAtATimeAreBounded(t *testing.T) {
	w := newWorld(t)
	b := &blocked{world: w, entered: make(chan struct{}, 8), release: make(chan struct{})}
	g := w.gateway(func(o *Options) { o.Repositories, o.MaxRequests, o.MaxPerClient = b, 3, 2 })
	from := func(client string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, "/api/v1/repositories", nil)
		r.RemoteAddr = client + ":1234"
		out := httptest.NewRecorder()
		g.ServeHTTP(out, r)
		return out
	}
	done := make(chan int, 8)
	for _, client := range []string{"192.0.2.1", "192.0.2.1", "192.0.2.2"} {
		go func() { done <- from(client).Code }()
		<-b.entered
	}
	for _, client := range []string{"192.0.2.1", "192.0.2.3"} {
		if out := from(client); out.Code != http.StatusServiceUnavailable || out.Header().Get("Retry-After") == "" || !strings.Contains(out.Body.String(), `"busy"`) {
			t.Errorf("%s: %d %s", client, out.Code, out.Body.String())
		}
	}
	close(b.release)
	for range 3 {
		if code := <-done; code != http.StatusOK {
			t.Errorf("one that waited: %d", code)
		}
	}
	if out := from("192.0.2.3"); out.Code != http.StatusOK {
		t.Errorf("afterwards: %d", out.Code)
	}
	if len(g.gate.clients) != 0 {
		t.Errorf("clients that are gone: %v", g.gate.clients)
	}
}

func TestAnswersThatTakeTooLong(t *testing.T) {
	w := newWorld(t)
	b := &blocked{world: w, entered: make(chan struct{}, 8), release: make(chan struct{})}
	g := w.gateway(func(o *Options) { o.Repositories, o.Timeout = b, time.Millisecond })
	out := ask(t, g, "", "/api/v1/repositories")
	if out.Code != http.StatusServiceUnavailable || !strings.Contains(out.Body.String(), `"timeout"`) {
		t.Errorf("%d %s", out.Code, out.Body.String())
	}
}

// TestReportsSayWhoAskedWhat reads what the daemon logs and counts.
func TestReportsSayWhoAskedWhat(t *testing.T) {
	w := newWorld(t)
	g := w.gateway()
	ask(t, g, "ada", "/api/v1/repositories/secret/-/log")
	ask(t, g, "", "/r/codecs/-/history")
	ask(t, g, "", "/r/secret")
	ask(t, g, "", "/nowhere")
	want := []Report{
		{Who: object.Identity{Name: "ada"}, Route: "log", Repository: "secret", Status: 200},
		{Route: "page history", Repository: "codecs", Status: 200},
		{Route: "page overview", Status: 404},
		{Route: "page ", Status: 404},
	}
	for i, r := range w.reports {
		if r.Who.Name != want[i].Who.Name || r.Route != want[i].Route || r.Repository != want[i].Repository || r.Status != want[i].Status || (r.Err == nil) != (r.Status == 200) || r.SizeBytes == 0 || r.Client != "192.0.2.1" {
			t.Errorf("%d: %+v", i, r)
		}
	}
}

// faulty fails with an error that names a file.
type faulty struct{ *world }

func (f faulty) Open(context.Context, string) (Repository, func(), error) {
	return nil, nil, errBroken
}

func TestWhatWentWrongInsideStaysInside(t *testing.T) {
	w := &world{t: t, may: func(object.Identity, string, Verb, ref.Name) bool { return true }}
	g := w.gateway(func(o *Options) { o.Repositories = faulty{w} })
	for _, target := range []string{"/api/v1/repositories/broken/-/log", "/r/broken"} {
		out := ask(t, g, "", target)
		if out.Code != http.StatusInternalServerError || strings.Contains(out.Body.String(), "place") {
			t.Errorf("%d %s", out.Code, out.Body.String())
		}
		if r := w.reports[len(w.reports)-1]; r.Err == nil || !strings.Contains(r.Err.Error(), "/secret/place") {
			t.Errorf("reported %v", r.Err)
		}
	}
}
