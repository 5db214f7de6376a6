package gateway

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// FuzzRequests asks for anything: no path, query or header makes the gateway panic, or answer as if the
// fault were its own.
func FuzzRequests(f *testing.F) {
	w := newWorld(f)
	g := w.gateway(func(o *Options) { o.Submissions = true })
	tx := excludedTx(f, w)
	for _, target := range addresses(f, w, "codecs") {
		path, query, _ := strings.Cut(target, "?")
		f.Add(path, strings.ReplaceAll(query, "table=t", "table=codecs"), "", "")
	}
	const base = "/api/v1/repositories/codecs/-/"
	for _, query := range []string{
		"rev=master~1", "rev=~", "rev=@", "rev=@{1}", "rev=HEAD@99999999999999999999", "rev=master~4294967296", "rev=%00", "rev=..", "rev=" + tx, "rev=" + tx[:4], "rev=ffff", "cursor=eyJwIjoiMSJ9",
		"cursor=eyJiIjpbIjAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAiXSwicCI6IjEifQ", "limit=0", "limit=-1", "limit=1001", "excluded=maybe", "rev=a&rev=b", "%zz", "x=1", ";",
	} {
		f.Add(base+"log", query, "application/x-ndjson", "")
		f.Add(base+"conflicts", query, "", "")
		f.Add("/r/codecs/-/history", query, "", "")
	}
	for _, key := range []string{"", "[]", `["eu","42"]`, `["eu"`, "\x00", "\xff", "0x02", strings.Repeat("k", 3000), "[1,2]", `[null]`, "-0", "99999999999999999999999"} {
		q := "table=stock&key=" + url.QueryEscape(key)
		f.Add(base+"get", q, "", "")
		f.Add(base+"rows", "table=stock&from="+url.QueryEscape(key), "", "")
		f.Add("/r/codecs/-/row", q, "", "")
		f.Add("/r/codecs/-/search", "q="+url.QueryEscape(key), "", "")
	}
	for _, name := range []string{"", ".", "..", "a/b", "\x00", "aergo.contracts", strings.Repeat("t", 300), "\u202e"} {
		f.Add(base+"rows", "table="+url.QueryEscape(name), "", "")
		f.Add(base+"contract", "name="+url.QueryEscape(name), "", "")
		f.Add("/r/"+name, "", "", "")
		f.Add("/api/v1/repositories/"+name+"/-/log", "", "", "Bearer token-of-ada")
	}
	f.Add(base+"objects/"+strings.Repeat("0", 64), "", "", "Basic Og==")
	f.Add(base+"objects/../../../etc/passwd", "", "", "Bearer")
	f.Fuzz(func(t *testing.T, path, query, accept, authorization string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL = &url.URL{Path: path, RawQuery: query}
		r.Header.Set("Accept", accept)
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		out := httptest.NewRecorder()
		g.ServeHTTP(out, r)
		if out.Code >= http.StatusInternalServerError && out.Code != http.StatusServiceUnavailable {
			t.Errorf("%q ? %q: %d %s", path, query, out.Code, out.Body.String())
		}
		if out.Code < http.StatusBadRequest && out.Code != http.StatusOK {
			t.Errorf("%q ? %q: %d", path, query, out.Code)
		}
	})
}
