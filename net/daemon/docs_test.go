package daemon

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

// docs/daemon.md lists the metrics that there are, and no others.
func TestDocumentedMetrics(t *testing.T) {
	text, err := os.ReadFile("../../docs/daemon.md")
	must(t, err)
	var documented []string
	for _, m := range regexp.MustCompile("`(aergo_\\w+)`").FindAllSubmatch(text, -1) {
		documented = append(documented, string(m[1]))
	}
	w := newWorld(t)
	w.init("a")
	d := w.start(nil)
	_, err = w.clone(d, "ada", "a")
	must(t, err)
	metrics := d.metrics
	metrics.merges.WithLabelValues("ok")
	metrics.submissions.WithLabelValues("ok")
	metrics.calls.WithLabelValues("Status", "ok")
	metrics.requests.WithLabelValues("log", "200")
	metrics.denials.WithLabelValues("read")
	metrics.bytes.WithLabelValues("sent")
	metrics.conversations.WithLabelValues("ok")
	families, err := metrics.registry.Gather()
	must(t, err)
	var there []string
	for _, f := range families {
		if name := f.GetName(); regexp.MustCompile("^aergo_").MatchString(name) {
			there = append(there, name)
		}
	}
	slices.Sort(documented)
	if !slices.Equal(documented, there) {
		t.Errorf("documented are\n%v\nthere are\n%v", documented, there)
	}
}
