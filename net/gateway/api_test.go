package gateway

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"aergo/repo"
	"aergo/repo/shape"
)

// excludedTx returns the transaction that the last merge of codecs left out.
func excludedTx(t testing.TB, w *world) string {
	t.Helper()
	tx := ""
	err := w.repos["codecs"].Excluded(t.Context(), "", func(x repo.Exclusion) error {
		if tx == "" {
			tx = shape.TxID(x.Transaction)
		}
		return nil
	})
	if err != nil || tx == "" {
		t.Fatal("nothing is excluded", err)
	}
	return tx
}

// TestDocumentedExamples asks for each example of API.md. Hashes and cursors in it are "...".
func TestDocumentedExamples(t *testing.T) {
	text, err := os.ReadFile("API.md")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	g := w.gateway()
	head, err := w.repos["codecs"].Resolve(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	varies := regexp.MustCompile(`"[0-9a-f]{64}(\.[0-9]+)?"|"next":"[^"]+"`)
	elided := func(s string) string {
		return varies.ReplaceAllStringFunc(s, func(m string) string {
			if strings.HasPrefix(m, `"next"`) {
				return `"next":"..."`
			}
			return `"..."`
		})
	}
	examples := regexp.MustCompile("(?s)```http\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	asked := map[string]bool{}
	for _, x := range examples {
		lines := strings.Split(strings.TrimSuffix(x[1], "\n"), "\n")
		target := strings.TrimPrefix(lines[0], "GET ")
		target = strings.Replace(strings.Replace(target, "EXCLUDED", excludedTx(t, w), 1), "objects/HEAD", "objects/"+head.ID.String(), 1)
		var headers []string
		at := 1
		for ; strings.Contains(lines[at], ": "); at++ {
			name, value, _ := strings.Cut(lines[at], ": ")
			headers = append(headers, name, value)
		}
		out := ask(t, g, "", target, headers...)
		if strconv.Itoa(out.Code) != lines[at] {
			t.Errorf("%s: %d, documented %s", target, out.Code, lines[at])
		}
		want := elided(strings.Join(lines[at+1:], "\n"))
		if got := elided(strings.TrimSuffix(out.Body.String(), "\n")); want != "" && got != want {
			t.Errorf("%s: documented\n%s\nanswered\n%s", target, want, got)
		}
		_, verb, _ := strings.Cut(strings.SplitN(target, "?", 2)[0], "/-/")
		asked[strings.SplitN(verb, "/", 2)[0]] = true
	}
	if len(examples) < 15 {
		t.Errorf("found %d examples only", len(examples))
	}
	for _, rt := range apiRoutes() {
		if !regexp.MustCompile(`(?m)^### .*\b` + regexp.QuoteMeta(rt.name)).Match(text) {
			t.Errorf("%s is not documented", rt.name)
		}
		for _, p := range rt.params {
			if !strings.Contains(string(text), "`"+p+"`") && !strings.Contains(string(text), p+"=") {
				t.Errorf("parameter %s of %s is not documented", p, rt.name)
			}
		}
	}
}

// TestVerbsAnswerInTheirShapes decodes what each verb answers into the shape of docs/json.md,
// and back to the same bytes.
func TestVerbsAnswerInTheirShapes(t *testing.T) {
	w := newWorld(t)
	g := w.gateway()
	tx := excludedTx(t, w)
	for target, into := range map[string]any{
		"status": &shape.Status{}, "show": &shape.Shown{}, "schema?table=codecs": &shape.Schema{}, "why?tx=" + tx: &shape.Story{},
		"transaction?tx=" + tx: &shape.Story{}, "dtt?rev=master~3": &shape.Schedule{}, "contract?name=stock": &shape.Contract{}, "resolve?rev=shop": &resolvedJSON{},
		"branches": &[]shape.Name{}, "tags": &[]shape.Name{}, "log": &[]shape.Block{}, "log?excluded=true": &[]shape.LeftOut{}, "diff?from=june-2019": &[]shape.Difference{},
		"diffstat?from=june-2019": &[]shape.DiffStat{}, "tables": &[]shape.Table{}, "blame?table=codecs&key=0x1000": &[]shape.Blamed{},
		"excluded": &[]shape.Exclusion{}, "conflicts": &[]shape.Listed{}, "contracts": &[]shape.Contract{},
	} {
		body := get(t, g, "", "/api/v1/repositories/codecs/-/"+target).Body.Bytes()
		if strings.HasPrefix(string(body), `{"items":`) {
			var l struct {
				Items json.RawMessage `json:"items"`
				Next  *string         `json:"next"`
			}
			if err := json.Unmarshal(body, &l); err != nil || string(l.Items) == "[]" {
				t.Errorf("%s: %v in %s", target, err, body)
			}
			body = append(l.Items, '\n')
		}
		dec := json.NewDecoder(strings.NewReader(string(body)))
		dec.DisallowUnknownFields()
		if err := dec.Decode(into); err != nil {
			t.Errorf("%s: %v in %s", target, err, body)
		} else if again := encode(into); string(again) != string(body) {
			t.Errorf("%s: answered\n%s\nwhich is\n%s", target, body, again)
		}
	}
}

// listed is a page of a list.
type listed struct {
	Items []json.RawMessage `json:"items"`
	Next  *string           `json:"next"`
}

func getList(t *testing.T, g http.Handler, target string) listed {
	t.Helper()
	var l listed
	if err := json.Unmarshal(get(t, g, "", target).Body.Bytes(), &l); err != nil {
		t.Fatal(err)
	}
	return l
}

// TestListsGoOnWhereTheyStopped reads every list page by page, while the branch moves, and
// compares with the list as a whole.
func TestListsGoOnWhereTheyStopped(t *testing.T) {
	w := newWorld(t)
	g := w.gateway()
	const base = "/api/v1/repositories/codecs/-/"
	for _, target := range []string{
		"log?rev=master", "log?excluded=true", "rows?table=codecs", "rows?table=codecs&from=0x02", "rows?table=stock", "diff?from=june-2019&to=master", "diff?to=master@6&table=accounts",
		"excluded?rev=master", "conflicts?rev=master",
	} {
		limit := 2
		if strings.Contains(target, "codecs") || strings.HasPrefix(target, "diff") {
			limit = 150
		}
		var whole []json.RawMessage
		cursor := ""
		for {
			l := getList(t, g, base+target+"&limit=1000"+cursor)
			whole = append(whole, l.Items...)
			if l.Next == nil {
				break
			}
			cursor = "&cursor=" + *l.Next
		}
		var parts []json.RawMessage
		cursor = ""
		for pages := 0; ; pages++ {
			l := getList(t, g, base+target+"&limit="+strconv.Itoa(limit)+cursor)
			if len(l.Items) > limit || pages > 100 {
				t.Fatalf("%s: page %d has %d items", target, pages, len(l.Items))
			}
			parts = append(parts, l.Items...)
			if l.Next == nil {
				break
			}
			if pages == 0 {
				s := &story{t: t, r: w.repos["codecs"]}
				s.commit("ada", "meanwhile", `{"op":"put","table":"codecs","key":"0x0000`+strconv.Itoa(len(whole))+target[:3]+`","fields":{"name":"new"}}`)
			}
			cursor = "&cursor=" + *l.Next
		}
		if !slices.EqualFunc(parts, whole, func(a, b json.RawMessage) bool { return string(a) == string(b) }) || len(whole) == 0 {
			t.Errorf("%s: %d items in pages, %d as a whole", target, len(parts), len(whole))
		}
	}
}

func TestLinesAndPagesHaveTheSameItems(t *testing.T) {
	g := newWorld(t).gateway()
	const target = "/api/v1/repositories/codecs/-/rows?table=codecs&limit=7"
	page := getList(t, g, target)
	lines := get(t, g, "", target, "Accept", "application/x-ndjson")
	var want strings.Builder
	for _, item := range page.Items {
		want.WriteString(string(item) + "\n")
	}
	if lines.Body.String() != want.String() || lines.Header().Get("Aergo-Next") != *page.Next || !strings.HasPrefix(lines.Header().Get("Content-Type"), "application/x-ndjson") {
		t.Errorf("%v\n%s\nwant\n%s", lines.Header(), lines.Body.String(), want.String())
	}
	if a, b := lines.Header().Get("ETag"), get(t, g, "", target).Header().Get("ETag"); a == b {
		t.Errorf("lines and page have one tag %s", a)
	}
}

// TestTagsSpareTheWork asks for everything twice, the second time with the tag.
func TestTagsSpareTheWork(t *testing.T) {
	w := newWorld(t)
	g := w.gateway()
	head, err := w.repos["codecs"].Resolve(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	id, tx := head.ID.String(), excludedTx(t, w)
	for _, target := range []string{
		"status", "branches", "tags", "resolve", "log", "show", "diff", "diffstat", "tables", "schema?table=codecs", "rows?table=codecs", "get?table=codecs&key=0x1000",
		"blame?table=codecs&key=0x1000", "excluded", "conflicts", "transaction?tx=" + tx, "why?tx=" + tx, "dtt", "dtt.svg", "contracts", "contract?name=stock", "objects/" + id,
	} {
		target = "/api/v1/repositories/codecs/-/" + target
		first := get(t, g, "", target)
		tag := first.Header().Get("ETag")
		if !strings.HasPrefix(tag, `"`) {
			t.Errorf("%s: no tag", target)
			continue
		}
		for _, match := range []string{tag, "W/" + tag, `"x", ` + tag, "*"} {
			second := ask(t, g, "", target, "If-None-Match", match)
			if second.Code != http.StatusNotModified || second.Body.Len() != 0 || second.Header().Get("ETag") != tag || second.Header().Get("Content-Security-Policy") != "" {
				t.Errorf("%s with %s: %d, %d bytes, tag %s", target, match, second.Code, second.Body.Len(), second.Header().Get("ETag"))
			}
		}
		if other := ask(t, g, "", target, "If-None-Match", `"x"`); other.Code != http.StatusOK {
			t.Errorf("%s with another tag: %d", target, other.Code)
		}
	}
	for target, want := range map[string]string{
		"objects/" + id: "public, max-age=31536000, immutable", "show?rev=" + id: "public, max-age=86400, immutable", "show?rev=master": "public, no-cache", "show?rev=nobody": "no-store",
	} {
		if got := ask(t, g, "", "/api/v1/repositories/codecs/-/"+target).Header().Get("Cache-Control"); got != want {
			t.Errorf("%s: %q, want %q", target, got, want)
		}
	}
	if got := get(t, g, "ada", "/api/v1/repositories/codecs/-/show").Header().Get("Cache-Control"); got != "private, no-cache" {
		t.Errorf("for ada: %q", got)
	}
}

func TestObjectsInParts(t *testing.T) {
	w := newWorld(t)
	g := w.gateway()
	head, err := w.repos["codecs"].Resolve(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	target := "/api/v1/repositories/codecs/-/objects/" + head.ID.String()
	whole := get(t, g, "", target)
	want, err := w.repos["codecs"].Object(t.Context(), head.ID)
	if err != nil || whole.Body.String() != string(want) {
		t.Fatal("other bytes", err)
	}
	part := ask(t, g, "", target, "Range", "bytes=10-19")
	if part.Code != http.StatusPartialContent || part.Body.String() != string(want[10:20]) || part.Header().Get("ETag") != whole.Header().Get("ETag") {
		t.Errorf("%d %q", part.Code, part.Body.String())
	}
	if out := ask(t, g, "", target, "Range", "bytes=99999999-"); out.Code != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("beyond the end: %d", out.Code)
	}
	if out := ask(t, g, "", target, "Range", "bytes=0-1", "If-Range", `"other"`); out.Code != http.StatusOK {
		t.Errorf("of another version: %d", out.Code)
	}
	head404 := ask(t, g, "", strings.Replace(target, target[len(target)-4:], "0000", 1))
	if head404.Code != http.StatusNotFound || !strings.Contains(head404.Body.String(), `"no-object"`) {
		t.Errorf("%d %s", head404.Code, head404.Body.String())
	}
}

// TestHeadSaysWhatGetWould asks without wanting the body.
func TestHeadSaysWhatGetWould(t *testing.T) {
	g := newWorld(t).gateway()
	for _, target := range []string{"/", "/r/codecs", "/api/v1/repositories/codecs/-/log", "/api/v1/repositories/nobody/-/log"} {
		r := httptest.NewRequest(http.MethodHead, target, nil)
		out := httptest.NewRecorder()
		g.ServeHTTP(out, r)
		full := ask(t, g, "", target)
		if out.Code != full.Code || out.Body.Len() != 0 || out.Header().Get("Content-Length") != strconv.Itoa(full.Body.Len()) {
			t.Errorf("%s: %d, %d bytes, length %s", target, out.Code, out.Body.Len(), out.Header().Get("Content-Length"))
		}
	}
}
