package gateway

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"aergo/repo"
	"aergo/repo/key"
	"aergo/repo/store/faultfs"
)

// crawl follows every link of the pages from a first one, and calls fn for each page.
func crawl(t *testing.T, g http.Handler, who, first string, fn func(target string, out *httptest.ResponseRecorder)) int {
	t.Helper()
	attribute := regexp.MustCompile(`(?:href|src)="([^"]*)"`)
	seen := map[string]bool{first: true}
	open := []string{first}
	for len(open) > 0 && len(seen) < 900 {
		target := open[0]
		open = open[1:]
		out := ask(t, g, who, target)
		fn(target, out)
		if !strings.HasPrefix(out.Header().Get("Content-Type"), "text/html") {
			continue
		}
		for _, m := range attribute.FindAllStringSubmatch(out.Body.String(), -1) {
			to := unescape(m[1])
			to, _, _ = strings.Cut(to, "#")
			if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") {
				if to != "" {
					t.Errorf("%s leads to %q", target, to)
				}
				continue
			}
			if !seen[to] && to != "/signin" {
				seen[to] = true
				open = append(open, to)
			}
		}
	}
	return len(seen)
}

func unescape(s string) string {
	return strings.NewReplacer("&amp;", "&", "&#34;", `"`, "&#39;", "'", "&lt;", "<", "&gt;", ">", "&#43;", "+").Replace(s)
}

// TestEveryLinkLeadsSomewhere follows all links of all repositories. Every page is what its
// headers say, and runs nothing.
func TestEveryLinkLeadsSomewhere(t *testing.T) {
	w := newWorld(t)
	g := w.gateway()
	scripts := regexp.MustCompile(`<script[^>]*>`)
	handlers := regexp.MustCompile(`<[^>"]*("[^"]*"[^>"]*)* on[a-z]+=`)
	pages := crawl(t, g, "ada", "/", func(target string, out *httptest.ResponseRecorder) {
		if out.Code != http.StatusOK {
			t.Errorf("%s: %d", target, out.Code)
			return
		}
		if !strings.HasPrefix(out.Header().Get("Content-Type"), "text/html") {
			return
		}
		body := out.Body.String()
		if found := scripts.FindAllString(body, -1); len(found) != 1 || !strings.Contains(found[0], staticPrefix) {
			t.Errorf("%s has scripts %q", target, found)
		}
		if strings.Contains(body, "style=") || handlers.MatchString(body) || strings.ContainsAny(body, "\u202e\x1b") || strings.Contains(body, "<img") || strings.Contains(body, "ZgotmplZ") {
			t.Errorf("%s:\n%s", target, body)
		}
		wellFormed(t, target, body)
	})
	t.Logf("%d pages", pages)
	if pages < 400 {
		t.Errorf("found %d pages only", pages)
	}
}

// wellFormed fails for a page whose elements do not nest.
func wellFormed(t *testing.T, target, body string) {
	t.Helper()
	dec := xml.NewDecoder(strings.NewReader(body))
	dec.Strict, dec.AutoClose, dec.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Errorf("%s: %v in\n%s", target, err, body)
			return
		}
	}
}

// TestHostileNamesAreText looks for what a stranger has written, escaped, on the pages that
// show it.
func TestHostileNamesAreText(t *testing.T) {
	w := newWorld(t)
	g := w.gateway()
	key := url.QueryEscape(hostileName)
	for _, target := range []string{
		"/r/team/hostile", "/r/team/hostile/-/history", "/r/team/hostile/-/block?rev=master@3", "/r/team/hostile/-/diff?from=master@0", "/r/team/hostile/-/table?table=t",
		"/r/team/hostile/-/row?table=t&key=" + key, "/r/team/hostile/-/excluded", "/r/team/hostile/-/search?q=" + key, "/r/team/hostile/-/contract?name=" + key,
	} {
		body := get(t, g, "", target).Body.String()
		if !strings.Contains(body, "&lt;script&gt;alert(") {
			t.Errorf("%s does not show it:\n%s", target, body)
		}
	}
	// What was asked for comes back in errors.
	for _, target := range []string{"/r/team/hostile/-/block?rev=" + key, "/r/" + key, "/r/codecs/-/table?table=" + key, "/r/codecs/-/block?" + key + "=1", "/" + key} {
		out := ask(t, g, "", target)
		if out.Code < 400 || out.Code >= 500 || strings.Contains(out.Body.String(), "<script>") {
			t.Errorf("%s: %d %s", target, out.Code, out.Body.String())
		}
	}
	api := get(t, g, "", "/api/v1/repositories/team/hostile/-/rows?table=t")
	if api.Header().Get("Content-Type") != jsonType || api.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%v", api.Header())
	}
}

// TestHeadersOfEveryAnswer checks what protects readers, on successes and failures alike.
func TestHeadersOfEveryAnswer(t *testing.T) {
	w := newWorld(t)
	g := w.gateway()
	for _, target := range []string{"/", "/r/codecs", "/api/v1/repositories", "/api/v1/repositories/codecs/-/dtt.svg", "/nowhere", "/api/v1/nowhere", staticPrefix + g.pages.digest + "/app.js"} {
		h := ask(t, g, "", target, "Origin", "https://example.com").Header()
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin", "Vary": "Accept, Authorization",
			"Access-Control-Allow-Origin": "",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", target, name, got, want)
			}
		}
		policy := h.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'; ") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "script-src 'unsafe") || strings.Contains(policy, "*") {
			t.Errorf("%s: policy %q", target, policy)
		}
		if h.Get("Content-Type") == "" {
			t.Errorf("%s: no type", target)
		}
	}
}

func TestMethodsAndNames(t *testing.T) {
	w := newWorld(t)
	g := w.gateway(func(o *Options) { o.Hosts = []string{"ledger.example", "127.0.0.1", "::1"} })
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodOptions, http.MethodTrace, "NONSENSE"} {
		r := httptest.NewRequest(method, "http://ledger.example/api/v1/repositories/codecs/-/log", nil)
		out := httptest.NewRecorder()
		g.ServeHTTP(out, r)
		if out.Code != http.StatusMethodNotAllowed || out.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d %v", method, out.Code, out.Header())
		}
	}
	for host, want := range map[string]int{"ledger.example": 200, "LEDGER.example:8080": 200, "127.0.0.1:80": 200, "[::1]:80": 200, "[::1]": 200, "evil.example": 421, "": 421} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = host
		out := httptest.NewRecorder()
		g.ServeHTTP(out, r)
		if out.Code != want {
			t.Errorf("%q: %d, want %d", host, out.Code, want)
		}
	}
}

// TestHistoryGoesOn reads the graph of a long history page by page: each block once, none
// before a child of it.
func TestHistoryGoesOn(t *testing.T) {
	w := newWorld(t)
	s := &story{t: t, r: w.repos["shared"]}
	for i := range 70 {
		s.checkout("open")
		s.commit("ada", "open "+strconv.Itoa(i), `{"op":"put","table":"t","key":"o`+strconv.Itoa(i)+`","fields":{"n":1}}`)
		s.checkout("master")
		if i%20 == 0 {
			s.merge("open", "merge "+strconv.Itoa(i))
		}
	}
	g := w.gateway()
	block := regexp.MustCompile(`/-/block\?rev=([0-9a-f]{64})">`)
	next := regexp.MustCompile(`href="(/r/shared/-/history\?cursor=[^"]*)"`)
	var order []string
	for target := "/r/shared/-/history"; target != ""; {
		body := get(t, g, "ada", target).Body.String()
		for _, m := range block.FindAllStringSubmatch(body, -1) {
			order = append(order, m[1])
		}
		target = ""
		if m := next.FindStringSubmatch(body); m != nil {
			target = unescape(m[1])
		}
	}
	place := map[string]int{}
	for i, id := range order {
		if _, twice := place[id]; twice {
			t.Errorf("%s twice", id)
		}
		place[id] = i
	}
	total := 0
	for _, head := range []string{"master", "open"} {
		err := s.r.Log(t.Context(), head, 0, func(b repo.Block) error {
			at, there := place[b.ID.String()]
			if !there {
				t.Errorf("%s is not there", b.ID)
			}
			for _, p := range b.Parents {
				if place[p.String()] <= at {
					t.Errorf("%s stands before its child", p)
				}
			}
			total++
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(order) < 70 || total < len(order) {
		t.Errorf("%d blocks in the graph, %d in logs", len(order), total)
	}
}

// TestPagesShowWhatTheyAreFor looks for what people come for.
func TestPagesShowWhatTheyAreFor(t *testing.T) {
	w := newWorld(t)
	g := w.gateway()
	tx := excludedTx(t, w)
	for target, wants := range map[string][]string{
		"/":                                            {"codecs", "Merge spring", "5 branches", "1 tag"},
		"/r/codecs":                                    {"master", "shop", "merges by stock", "june-2019", "accounts", "Rules for the stock"},
		"/r/codecs/-/history":                          {"Add JSON", "Merge messagepack", "1 excluded", `class="lanes"`, "<path"},
		"/r/codecs/-/history?rev=spring":               {"Correct what was counted"},
		"/r/codecs/-/block?rev=master@9":               {"Merge spring", "takes in", "field-changed", "<del>", "<ins>", "counted again", "All sides"},
		"/r/codecs/-/block?rev=master@6":               {"5,000 transactions", `<svg class="dtt"`, "critical path", "All changes"},
		"/r/codecs/-/diff?from=june-2019":              {"+3", "accounts", "More changes"},
		"/r/codecs/-/diff?from=june-2019&table=codecs": {"ZeroNet site address", "0x0201"},
		"/r/codecs/-/tree?rev=master@6&workers=4":      {"Where they meet", "accounts/exchange", "4 workers", "side by side"},
		"/r/codecs/-/tree?rev=master@0":                {"has no transactions"},
		"/r/codecs/-/table?table=codecs":               {"0x0200", "JSON (UTF-8-encoded)", "More rows", "425 rows"},
		"/r/codecs/-/table?table=codecs&from=0x1000":   {"zeronet"},
		"/r/codecs/-/table?table=stock&at=master@5":    {">eu<", ">42<", "null", "10.25", "name.first"},
		"/r/codecs/-/row?table=codecs&key=0x1000":      {"zeronet", "Prices of March", "ada"},
		"/r/codecs/-/excluded":                         {"what the author saw", "namespace", "zeronet", "multiaddr", "the field holds another value than the author saw", "no value"},
		"/r/codecs/-/excluded?rev=june-2019":           {"Nothing is excluded"},
		"/r/codecs/-/tx?tx=" + tx:                      {"Correct what was counted", "excluded", "multiaddr", "spring", "applied", "merge by ada"},
		"/r/codecs/-/contract?name=stock":              {"what both sides added counts"},
		"/r/codecs/-/search?q=" + tx[:12]:              {"block", "Merge spring"},
		"/r/codecs/-/search?q=" + tx:                   {"transaction", tx[:8]},
		"/r/codecs/-/search?q=0x02":                    {"codecs/0x0200", "codecs/0x0201"},
		"/r/codecs/-/search?q=codecs/0x1000":           {"codecs/0x1000"},
		"/r/codecs/-/search?q=Eu":                      {`stock/["eu","42"]`},
		"/r/codecs/-/search?q=shop":                    {"branch"},
		"/r/codecs/-/search?q=stock":                   {"table", "1 row"},
		"/r/codecs/-/search?q=nobody":                  {"Nothing begins with that"},
	} {
		body := get(t, g, "", target).Body.String()
		for _, want := range wants {
			if !strings.Contains(unescape(body), want) {
				t.Errorf("%s: no %q in %d bytes", target, want, len(body))
			}
		}
	}
}

// TestClonesOfAPartShowWhatTheyHave looks at a shallow clone and at one of a table.
func TestClonesOfAPartShowWhatTheyHave(t *testing.T) {
	w := newWorld(t)
	for name, req := range map[string]repo.CloneRequest{"shallow": {From: "codecs", Depth: 1}, "filtered": {From: "codecs", Tables: []string{"codecs"}}} {
		ring := key.NewKeyring(faultfs.New())
		if err := ring.Add(t.Context(), "ada", key.FromSeed([32]byte{'a'})); err != nil {
			t.Fatal(err)
		}
		opts := repo.Options{Keys: ring, Identity: "ada", Who: "ada", Workers: 2, OpenPath: func(context.Context, string) (*repo.Repo, error) { return w.repos["codecs"], nil }}
		r, _, err := repo.Clone(t.Context(), faultfs.New(), opts, req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = r.Close() })
		w.repos[name] = r
	}
	g := w.gateway()
	for _, name := range []string{"shallow", "filtered"} {
		for page, want := range map[string]string{
			"": "master", "/-/history": "Merge spring", "/-/block": "Merge spring", "/-/diff": "Changes", "/-/table?table=codecs": "0x0200", "/-/row?table=codecs&key=0x0200": "JSON (UTF-8-encoded)",
			"/-/search?q=0x0200": "codecs/0x0200",
		} {
			if body := get(t, g, "ada", "/r/"+name+page).Body.String(); !strings.Contains(body, want) {
				t.Errorf("%s%s: no %q in\n%s", name, page, want, body)
			}
		}
	}
	if out := ask(t, g, "ada", "/r/filtered/-/table?table=stock"); out.Code != http.StatusNotFound || !strings.Contains(out.Body.String(), "not among the tables of this clone") {
		t.Errorf("%d %s", out.Code, out.Body.String())
	}
}
