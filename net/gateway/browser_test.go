//go:build browser

package gateway

// These tests read the pages in a real browser: `make browser`. With AERGO_SCREENSHOTS=DIR they leave
// pictures of what they see.

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// chromium finds the browser.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{os.Getenv("AERGO_CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("no chromium is installed, and AERGO_CHROMIUM names none")
	return ""
}

// reader is a browser that looks at a world.
type reader struct {
	t    *testing.T
	ctx  context.Context
	base string

	mu         sync.Mutex
	complaints []string
}

// newReader starts a browser. It fails the test for whatever the browser complains of: scripts
// that fail, what the policy of a page forbids, dialogs.
func newReader(t *testing.T, w *world) *reader {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	server.Config = w.gateway().Server()
	server.Start()
	t.Cleanup(server.Close)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium(t)), chromedp.UserDataDir(t.TempDir()))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // it refuses to have one for root
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	r := &reader{t: t, base: server.URL}
	if err := chromedp.Listen(ctx, r.hear); err != nil {
		t.Fatal(err)
	}
	r.ctx = ctx
	return r
}

// hear takes down what the browser complains of. Nobody answers a dialog: what opened it waits.
func (r *reader) hear(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		r.complain("exception: " + e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		if !strings.Contains(e.Entry.Text, "status of 4") { // pages of errors are looked at, too
			r.complain(fmt.Sprintf("%s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL))
		}
	case *page.EventJavascriptDialogOpening:
		r.complain("dialog: " + e.Message)
	}
}

func (r *reader) complain(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.complaints = append(r.complaints, what)
}

// do does what a reader does, and fails if the browser has complained.
func (r *reader) do(actions ...chromedp.Action[chromedp.Void]) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		r.t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.complaints {
		r.t.Error(c)
	}
	r.complaints = nil
}

// open opens a page by its address.
func (r *reader) open(path string) {
	r.t.Helper()
	r.do(chromedp.Navigate(r.base + path))
}

// follow clicks on a link and waits for the page that it leads to.
func (r *reader) follow(selector string) {
	r.t.Helper()
	r.lead(chromedp.Click(chromedp.CSS(selector)))
}

// lead does what leads to another page, and waits for it.
func (r *reader) lead(action chromedp.Action[chromedp.Void]) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, action); err != nil {
		r.t.Fatal(err)
	}
	r.do()
}

// patience is how long a step may take on a busy machine.
const patience = 30 * time.Second

// look does what gives something.
func look[T any](r *reader, action chromedp.Action[T]) T {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	out, err := chromedp.Run(ctx, action)
	if err != nil {
		r.t.Fatal(err)
	}
	r.do()
	return out
}

// evaluate evaluates an expression on the page.
func evaluate[T any](r *reader, expression string) T {
	r.t.Helper()
	return look(r, chromedp.Evaluate[T](expression))
}

func (r *reader) text() string {
	return evaluate[string](r, "document.querySelector('main').innerText")
}

// sees fails unless the page says all of it.
func (r *reader) sees(wants ...string) {
	r.t.Helper()
	text := strings.ToLower(r.text())
	for _, want := range wants {
		if !strings.Contains(text, strings.ToLower(want)) {
			r.t.Errorf("%s: no %q in\n%s", evaluate[string](r, "location.href"), want, text)
		}
	}
}

// picture leaves a picture, if somebody wants to have it.
func (r *reader) picture(name string) {
	r.t.Helper()
	folder := os.Getenv("AERGO_SCREENSHOTS")
	if folder == "" {
		return
	}
	data := look(r, chromedp.FullScreenshot(90))
	if err := os.WriteFile(filepath.Join(folder, name+".jpeg"), data, 0o666); err != nil {
		r.t.Fatal(err)
	}
}

// screen makes the window as large as a screen of some kind.
func (r *reader) screen(width, height int64) {
	r.t.Helper()
	r.do(chromedp.EmulateViewport(width, height))
}

func (r *reader) scheme(name string) {
	r.t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}}
	if _, err := chromedp.Call(r.ctx, emulation.SetEmulatedMedia, media); err != nil {
		r.t.Fatal(err)
	}
}

// TestBrowserReadsALedger goes the way of somebody who wants to know what happened.
func TestBrowserReadsALedger(t *testing.T) {
	w := newWorld(t)
	r := newReader(t, w)
	r.open("/")
	r.sees("codecs", "Merge spring")
	r.picture("home")
	r.follow(`a[href="/r/codecs"]`)
	r.sees("Latest", "accounts", "merges by stock")
	r.follow(`a[href="/r/codecs/-/history"]`)
	r.sees("Add JSON", "june-2019")
	if n := evaluate[int](r, "document.querySelectorAll('svg.lanes circle').length"); n < 13 {
		t.Errorf("%d blocks in the graph", n)
	}
	r.picture("history")
	r.follow(".graph li:first-child .subject a")
	r.sees("Merge spring", "field-changed", "counted again")
	if del, ins := evaluate[int](r, "document.querySelectorAll('.diff del').length"), evaluate[int](r, "document.querySelectorAll('.diff ins').length"); del == 0 || ins == 0 {
		t.Errorf("%d old values, %d new ones", del, ins)
	}
	r.picture("block")
	r.follow("#excluded .pager a")
	r.sees("what the author saw", "namespace", "zeronet", "multiaddr")
	r.picture("excluded")
	r.follow(".conflict h3 a")
	r.sees("Transaction", "What became of it", "spring", "applied")
	r.open("/r/codecs/-/tree?rev=master@6")
	if size := evaluate[[]float64](r, "(b => [b.width, b.height])(document.querySelector('svg.dtt').getBoundingClientRect())"); size[0] < 600 || size[1] < 200 {
		t.Errorf("the tree is %v pixels large", size)
	}
	if fill := evaluate[string](r, "getComputedStyle(document.querySelector('svg.dtt .lane')).fill"); fill == "rgb(0, 0, 0)" {
		t.Error("the tree has no style")
	}
	r.picture("tree")
	r.open("/r/codecs/-/table?table=codecs")
	r.sees("425 rows", "description")
	r.picture("table")
	r.follow("tbody tr:first-child th a")
	r.sees("at block")
	r.picture("row")
	r.open("/r/codecs/-/diff?from=june-2019&to=master&table=codecs")
	r.picture("diff")
}

// pressSlash presses the key in the page alone: what a driver types, the page cannot keep from the
// field that it goes to.
func pressSlash(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
	_, err := chromedp.Evaluate[bool](`document.dispatchEvent(new KeyboardEvent("keydown", { key: "/" }))`)(ctx, t)
	return chromedp.Void{}, err
}

// TestBrowserSearches types, chooses and copies: what the script is for.
func TestBrowserSearches(t *testing.T) {
	w := newWorld(t)
	r := newReader(t, w)
	r.open("/r/codecs")
	r.do(chromedp.WaitVisible(chromedp.CSS("html.ready")), pressSlash)
	if focused := evaluate[string](r, "document.activeElement.name"); focused != "q" {
		t.Errorf("%q has the cursor after /", focused)
	}
	r.lead(chromedp.KeyEvent("0x0200\r"))
	r.sees("Found for 0x0200", "codecs/0x0200")
	r.follow(".found a")
	r.sees("JSON (UTF-8-encoded)")
	r.open("/r/codecs/-/history")
	r.do(chromedp.WaitVisible(chromedp.CSS("html.ready")))
	choose := `(s => { s.value = "spring"; return s.dispatchEvent(new Event("change")) })(document.querySelector("form.choose select"))`
	r.lead(func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := chromedp.Evaluate[bool](choose)(ctx, t)
		return chromedp.Void{}, err
	})
	r.sees("History of spring", "Correct what was counted")
	if zone := evaluate[string](r, "document.querySelector('time').title"); !strings.HasSuffix(zone, "UTC") {
		t.Errorf("times are not the reader's: %q", zone)
	}
}

// readable says how many pixels a page is too wide for its window, and the least contrast of a text
// to what is behind it (WCAG 2.1, relative luminance).
const readable = `(() => {
  const parts = (c) => c.match(/[\d.]+/g).map(Number);
  const light = (c) => { const [r, g, b] = parts(c).map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (parts(c).length === 3) return c; } return "rgb(255, 255, 255)"; };
  let least = 99, where = "";
  for (const e of document.querySelectorAll("body *:not(svg *)")) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || !e.checkVisibility()) continue;
    const [a, b] = [light(getComputedStyle(e).color), light(behind(e))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < least) [least, where] = [contrast, e.outerHTML.slice(0, 120)];
  }
  return { tooWide: document.documentElement.scrollWidth - innerWidth, contrast: least, where, dark: light(getComputedStyle(document.body).backgroundColor) < 0.2 };
})()`

// TestBrowserReadsOnAnyScreen looks at every kind of page on a phone and on a desk, in light
// and in the dark.
func TestBrowserReadsOnAnyScreen(t *testing.T) {
	w := newWorld(t)
	r := newReader(t, w)
	tx := excludedTx(t, w)
	pages := map[string]string{
		"home": "/", "overview": "/r/codecs", "history": "/r/codecs/-/history", "block": "/r/codecs/-/block?rev=master@9", "payments": "/r/codecs/-/block?rev=master@6",
		"diff": "/r/codecs/-/diff?from=june-2019&to=master&table=codecs", "tree": "/r/codecs/-/tree?rev=master@6", "table": "/r/codecs/-/table?table=codecs", "stock": "/r/codecs/-/table?table=stock&at=master@5",
		"row": "/r/codecs/-/row?table=codecs&key=0x1000", "excluded": "/r/codecs/-/excluded", "tx": "/r/codecs/-/tx?tx=" + tx, "contract": "/r/codecs/-/contract?name=stock", "search": "/r/codecs/-/search?q=0x02",
		"missing": "/r/codecs/-/block?rev=nobody", "hostile": "/r/team/hostile", "hostile-block": "/r/team/hostile/-/block?rev=master@3", "hostile-excluded": "/r/team/hostile/-/excluded",
		"hostile-table": "/r/team/hostile/-/table?table=t",
	}
	for _, scheme := range []string{"light", "dark"} {
		r.scheme(scheme)
		for _, screen := range []struct {
			name          string
			width, height int64
		}{{"phone", 360, 740}, {"desk", 1280, 900}} {
			r.screen(screen.width, screen.height)
			for name, path := range pages {
				r.open(path)
				got := evaluate[struct {
					TooWide  float64 `json:"tooWide"`
					Contrast float64 `json:"contrast"`
					Where    string  `json:"where"`
					Dark     bool    `json:"dark"`
				}](r, readable)
				if got.TooWide > 0 || got.Contrast < 4.5 || got.Dark != (scheme == "dark") {
					t.Errorf("%s on a %s, %s: %+v", path, screen.name, scheme, got)
				}
				r.picture(name + "-" + screen.name + "-" + scheme)
			}
		}
	}
}

// TestBrowserNeedsNoScript reads with scripts turned off.
func TestBrowserNeedsNoScript(t *testing.T) {
	w := newWorld(t)
	r := newReader(t, w)
	if _, err := chromedp.Call(r.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	r.open("/r/codecs/-/history?rev=spring")
	shown := look(r, chromedp.Text(chromedp.CSS("form.choose button")))
	subject := look(r, chromedp.Text(chromedp.CSS(".graph .subject")))
	if shown != "Show" || !strings.Contains(subject, "Correct what was counted") {
		t.Errorf("%q, %q", shown, subject)
	}
	r.lead(chromedp.Click(chromedp.CSS("form.choose button")))
	title := look(r, chromedp.Title())
	if !strings.HasPrefix(title, "History") {
		t.Errorf("title %q", title)
	}
}

// TestBrowserSignsIn sees a private repository with a token, and none without.
func TestBrowserSignsIn(t *testing.T) {
	w := newWorld(t)
	r := newReader(t, w)
	r.open("/r/secret")
	r.sees("there is no repository", "secret")
	r.answerChallenges("any", "token-of-ada")
	r.open("/signin")
	r.sees("You are ada")
	r.follow("main a")
	r.sees("secret", "shared", "codecs")
	r.follow(`a[href="/r/secret"]`)
	if who := evaluate[string](r, "document.querySelector('.who').innerText"); who != "ada" {
		t.Errorf("signed in as %q", who)
	}
}

// answerChallenges types a name and a password whenever the browser asks for them.
func (r *reader) answerChallenges(name, password string) {
	r.t.Helper()
	err := chromedp.Listen(r.ctx, func(event any) {
		switch e := event.(type) {
		case *fetch.EventRequestPaused:
			go func() {
				_, _ = chromedp.Call(r.ctx, fetch.ContinueRequest, fetch.ContinueRequestParams{RequestID: e.RequestID})
			}()
		case *fetch.EventAuthRequired:
			go func() {
				answer := &fetch.AuthChallengeResponse{Response: fetch.AuthChallengeResponseResponseProvideCredentials, Username: name, Password: password}
				_, _ = chromedp.Call(r.ctx, fetch.ContinueWithAuth, fetch.ContinueWithAuthParams{RequestID: e.RequestID, AuthChallengeResponse: answer})
			}()
		}
	})
	if err == nil {
		_, err = chromedp.Call(r.ctx, fetch.Enable, fetch.EnableParams{HandleAuthRequests: new(true)})
	}
	if err != nil {
		r.t.Fatal(err)
	}
}
