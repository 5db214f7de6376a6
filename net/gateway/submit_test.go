package gateway

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"aergo/repo"
	"aergo/repo/key"
	"aergo/repo/object"
	"aergo/repo/ref"
	"aergo/repo/shape"
)

func post(g http.Handler, target, authorization, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	out := httptest.NewRecorder()
	g.ServeHTTP(out, r)
	return out
}

// signed returns a batch that somebody signs for a branch of shared: committed to the same repository
// in another world.
func signed(t *testing.T, who, line string) submissionJSON {
	t.Helper()
	elsewhere := newWorld(t)
	s := &story{t: t, r: elsewhere.repos["shared"]}
	c := s.commit(who, "submitted", line)
	shown, err := s.r.Show(t.Context(), c.Block.String())
	s.must(err)
	record, err := s.r.Object(t.Context(), shown.Batches[0].ID)
	s.must(err)
	batch, err := object.DecodeBatch(record)
	s.must(err)
	seal := key.FromSeed([32]byte{who[0]}).Sign(key.DomainBatch, batch.Lineage, shown.Batches[0].ID)
	out := submissionJSON{Batch: hex.EncodeToString(record), Seal: hex.EncodeToString(seal[:])}
	for _, chunk := range batch.Chunks {
		data, err := s.r.Object(t.Context(), chunk.Hash)
		s.must(err)
		out.Chunks = append(out.Chunks, hex.EncodeToString(data))
	}
	return out
}

func bodyOf(s submissionJSON) string { return string(encode(s)) }

const submitTo = "/api/v1/repositories/shared/-/submit?branch=master"

// TestSubmitting hands a batch in, sees it when a block has it, and hands it in once more.
func TestSubmitting(t *testing.T) {
	w := newWorld(t)
	batch := signed(t, "ada", `{"op":"put","table":"t","key":"z","fields":{"n":26}}`)
	if out := post(w.gateway(), submitTo, "Bearer token-of-ada", bodyOf(batch)); out.Code != http.StatusNotFound {
		t.Errorf("where nothing is taken in: %d", out.Code)
	}
	g := w.gateway(func(o *Options) { o.Submissions = true })
	var first, last shape.Submitted
	out := post(g, submitTo, "Bearer token-of-ada", bodyOf(batch))
	if err := json.Unmarshal(out.Body.Bytes(), &first); err != nil || out.Code != http.StatusOK || first.Receipt == nil || first.Applied != 1 {
		t.Fatalf("%d %s", out.Code, out.Body.String())
	}
	if out.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%v", out.Header())
	}
	out = post(g, submitTo+"&wait=block", "Bearer token-of-ada", bodyOf(batch))
	if err := json.Unmarshal(out.Body.Bytes(), &last); err != nil || last.State != "sealed" || last.Changed || last.Receipt.ID != first.Receipt.ID || last.Block == nil {
		t.Fatalf("%d %s", out.Code, out.Body.String())
	}
	if row := get(t, g, "ada", "/api/v1/repositories/shared/-/get?table=t&key=z").Body.String(); !strings.Contains(row, "26") {
		t.Errorf("the row is %s", row)
	}
	told := get(t, g, "ada", strings.Replace(submitTo, "/submit?", "/submission?", 1)+"&batch="+first.Batch.String())
	if told.Body.String() != out.Body.String() {
		t.Errorf("told %s, answered %s", told.Body.String(), out.Body.String())
	}
}

// scribe signs for ada alone.
type scribe struct{ *world }

func (s scribe) SubmitLines(ctx context.Context, who object.Identity, repository string, branch ref.Name, in io.Reader) (repo.SubmittedLines, error) {
	if who.Name != "ada" {
		return repo.SubmittedLines{}, fmt.Errorf("%s: %w", who.Name, repo.ErrNotPermitted)
	}
	return s.repos[repository].SubmitLines(ctx, in, repo.SubmitRequest{Branch: branch})
}

// TestSubmittingLines has operations signed, where somebody has the key.
func TestSubmittingLines(t *testing.T) {
	w := newWorld(t)
	w.may = func(object.Identity, string, Verb, ref.Name) bool { return true }
	send := func(g http.Handler, who, mediaType string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, submitTo, strings.NewReader(`{"op":"put","table":"t","key":"web","fields":{"n":1}}`))
		r.Header.Set("Authorization", "Bearer token-of-"+who)
		r.Header.Set("Content-Type", mediaType)
		out := httptest.NewRecorder()
		g.ServeHTTP(out, r)
		return out
	}
	const lines = "application/x-ndjson"
	g := w.gateway(func(o *Options) { o.Submissions, o.Lines = true, scribe{w} })
	for who, want := range map[string]int{"ada": 200, "bob": 403} {
		if out := send(g, who, lines); out.Code != want {
			t.Errorf("%s: %d %s", who, out.Code, out.Body.String())
		}
	}
	if row := get(t, g, "ada", "/api/v1/repositories/shared/-/get?table=t&key=web").Body.String(); !strings.Contains(row, "1") {
		t.Errorf("the row is %s", row)
	}
	if out := send(g, "ada", "text/plain"); out.Code != http.StatusUnsupportedMediaType {
		t.Errorf("text: %d", out.Code)
	}
	if out := send(w.gateway(func(o *Options) { o.Submissions = true }), "ada", lines); out.Code != http.StatusForbidden {
		t.Errorf("where nobody signs: %d", out.Code)
	}
}

// TestSubmissionsThatAreRefused are of the wrong author, or not what they say.
func TestSubmissionsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	g := w.gateway(func(o *Options) { o.Submissions, o.MaxSubmitBytes = true, 10_000 })
	good := signed(t, "ada", `{"op":"put","table":"t","key":"z","fields":{"n":26}}`)
	ofBob := signed(t, "bob", `{"op":"put","table":"t","key":"z","fields":{"n":27}}`)
	badSeal, noChunk, otherChunk, cut := good, good, good, good
	badSeal.Seal = strings.Repeat("00", 64)
	noChunk.Chunks = nil
	otherChunk.Chunks = ofBob.Chunks
	cut.Batch = cut.Batch[:len(cut.Batch)-2]
	const ada, bob = "Bearer token-of-ada", "Bearer token-of-bob"
	fromBrowser := "Basic " + base64.StdEncoding.EncodeToString([]byte("a:token-of-ada"))
	for name, c := range map[string]struct {
		target, authorization, body string
		want                        int
	}{
		"nobody":                {submitTo, "", bodyOf(good), 404},
		"nobody, in the open":   {strings.Replace(submitTo, "shared", "codecs", 1), "", bodyOf(good), 401},
		"a browser's token":     {submitTo, fromBrowser, bodyOf(good), 401},
		"may not":               {strings.Replace(submitTo, "shared", "codecs", 1), bob, bodyOf(ofBob), 403},
		"may read a branch":     {submitTo, bob, bodyOf(ofBob), 403},
		"may not know":          {strings.Replace(submitTo, "shared", "secret", 1), bob, bodyOf(ofBob), 404},
		"another's batch":       {submitTo, ada, bodyOf(ofBob), 403},
		"bad seal":              {submitTo, ada, bodyOf(badSeal), 400},
		"a chunk is missing":    {submitTo, ada, bodyOf(noChunk), 400},
		"another chunk":         {submitTo, ada, bodyOf(otherChunk), 400},
		"cut":                   {submitTo, ada, bodyOf(cut), 400},
		"another repository":    {strings.Replace(submitTo, "shared", "team/hostile", 1), ada, bodyOf(good), 400},
		"no JSON":               {submitTo, ada, "batch", 400},
		"no hex":                {submitTo, ada, `{"batch":"x"}`, 400},
		"nothing":               {submitTo, ada, `{}`, 400},
		"too large":             {submitTo, ada, strings.Repeat("x", 10_001), 413},
		"no branch":             {strings.TrimSuffix(submitTo, "?branch=master"), ada, bodyOf(good), 400},
		"no name":               {submitTo + "%2f..", ada, bodyOf(good), 400},
		"no such branch":        {submitTo + "x", ada, bodyOf(good), 404},
		"no such wait":          {submitTo + "&wait=long", ada, bodyOf(good), 400},
		"to what reads":         {"/api/v1/repositories/codecs/-/log", ada, bodyOf(good), 405},
		"to a page":             {"/r/codecs", ada, bodyOf(good), 405},
		"of what became of one": {strings.Replace(submitTo, "/submit?", "/submission?", 1), ada, "", 405},
	} {
		if out := post(g, c.target, c.authorization, c.body); out.Code != c.want {
			t.Errorf("%s: %d, want %d: %s", name, out.Code, c.want, out.Body.String())
		}
	}
	if out := ask(t, g, "ada", submitTo); out.Code != http.StatusMethodNotAllowed || out.Header().Get("Allow") != "POST" {
		t.Errorf("GET: %d %v", out.Code, out.Header())
	}
	for _, query := range []string{"", "&batch=x", "&batch=" + strings.Repeat("ab", 32)} {
		if out := ask(t, g, "ada", strings.Replace(submitTo, "/submit?", "/submission?", 1)+query); out.Code != http.StatusBadRequest && out.Code != http.StatusNotFound {
			t.Errorf("%q: %d %s", query, out.Code, out.Body.String())
		}
	}
	if rows := get(t, g, "ada", "/api/v1/repositories/shared/-/rows?table=t").Body.String(); strings.Contains(rows, `"z"`) {
		t.Errorf("something was taken in: %s", rows)
	}
}
