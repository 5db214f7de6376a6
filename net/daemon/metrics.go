package daemon

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"aergo/net/transfer"
	"aergo/repo"
)

// metrics are what a daemon counts, in a registry of its own.
type metrics struct {
	registry      *prometheus.Registry
	conversations *prometheus.HistogramVec // seconds, by how they ended
	merges        *prometheus.HistogramVec // seconds, by what became of them
	calls         *prometheus.HistogramVec // seconds, by verb and what became of them
	requests      *prometheus.HistogramVec // seconds, by route and status
	submissions   *prometheus.HistogramVec // seconds until the receipt, by what became of them
	sealed        prometheus.Counter
	bytes         *prometheus.CounterVec // by direction
	denials       *prometheus.CounterVec // by verb
	panics        prometheus.Counter
}

func newMetrics(d *Daemon) *metrics {
	seconds := prometheus.ExponentialBuckets(0.001, 2, 18) // 1 ms to 131 s
	m := &metrics{
		registry: prometheus.NewRegistry(),
		conversations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "aergo_conversation_seconds", Help: "Conversations with peers, by how they ended.", Buckets: seconds,
		}, []string{"outcome"}),
		merges: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "aergo_merge_seconds", Help: "Merges of what was pushed, by what became of them.", Buckets: seconds,
		}, []string{"outcome"}),
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "aergo_call_seconds", Help: "Calls of commands on this machine, by verb and what became of them.", Buckets: seconds,
		}, []string{"verb", "outcome"}),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "aergo_request_seconds", Help: "Requests by HTTP, by route and status.", Buckets: seconds,
		}, []string{"route", "status"}),
		submissions: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "aergo_submission_seconds", Help: "Submissions until their receipt, by what became of them.", Buckets: seconds,
		}, []string{"outcome"}),
		sealed: prometheus.NewCounter(prometheus.CounterOpts{Name: "aergo_sealed_batches_total", Help: "Submitted batches that are in blocks."}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "aergo_transfer_bytes_total", Help: "Bytes of conversations with peers, by direction.",
		}, []string{"direction"}),
		denials: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "aergo_denials_total", Help: "Requests that were denied, by verb.",
		}, []string{"verb"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{Name: "aergo_panics_total", Help: "Conversations that ended by a bug."}),
	}
	gauge := func(name, help string, value func() int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(value()) })
	}
	m.registry.MustRegister(m.conversations, m.merges, m.calls, m.requests, m.submissions, m.sealed, m.bytes, m.denials, m.panics,
		gauge("aergo_peers", "Peers that are connected.", func() int { return len(d.peers.Peers()) }),
		gauge("aergo_conversations", "Conversations that go on.", func() int { return int(d.talking.Load()) }),
		gauge("aergo_merging", "Merges that go on or wait for each other.", func() int { return int(d.merging.Load()) }),
		gauge("aergo_open_repositories", "Repositories that are open.", func() int { return len(d.repositories.Open()) }),
		&ledgers{d: d,
			height: prometheus.NewDesc("aergo_branch_height", "Height of a branch of a repository that is open.", []string{"repository", "branch"}, nil),
			pool:   prometheus.NewDesc("aergo_pool_transactions", "Transactions pending on a branch.", []string{"repository", "branch"}, nil),
		},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// report counts a conversation.
func (m *metrics) report(r transfer.Report) {
	m.conversations.WithLabelValues(outcome(r.Err)).Observe(r.Elapsed.Seconds())
	m.bytes.WithLabelValues("sent").Add(float64(r.Traffic.Sent))
	m.bytes.WithLabelValues("received").Add(float64(r.Traffic.Received))
}

// outcome is a word for how something ended.
func outcome(err error) string {
	for _, o := range []struct {
		is   error
		word string
	}{
		{transfer.ErrDenied, "denied"}, {transfer.ErrBusy, "busy"}, {transfer.ErrTooLarge, "too-large"}, {transfer.ErrProtocol, "protocol"},
		{transfer.ErrCut, "cut"}, {context.Canceled, "stopped"}, {repo.ErrNoRepository, "no-repository"}, {repo.ErrConflict, "conflict"},
	} {
		if errors.Is(err, o.is) {
			return o.word
		}
	}
	if err != nil {
		return "error"
	}
	return "ok"
}

// ledgers collects where the repositories that are open stand.
type ledgers struct {
	d            *Daemon
	height, pool *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (l *ledgers) Describe(to chan<- *prometheus.Desc) { to <- l.height; to <- l.pool }

// collectWait bounds how long one scrape looks at repositories.
const collectWait = 5 * time.Second

// Collect implements prometheus.Collector.
func (l *ledgers) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), collectWait)
	defer cancel()
	for _, name := range l.d.repositories.Open() {
		err := l.d.repositories.Use(ctx, name, func(r *repo.Repo) error { return l.collect(ctx, to, name, r) })
		if err != nil {
			l.d.log.Debug("metrics", "repository", name, "error", err.Error())
		}
	}
}

func (l *ledgers) collect(ctx context.Context, to chan<- prometheus.Metric, name string, r *repo.Repo) error {
	branches, _, err := r.Branches(ctx)
	if err != nil {
		return err
	}
	for _, b := range branches {
		head, err := r.Resolve(ctx, b.Head.String())
		if err != nil {
			return err
		}
		to <- prometheus.MustNewConstMetric(l.height, prometheus.GaugeValue, float64(head.Height), name, string(b.Name))
	}
	st, err := r.Status(ctx)
	if err != nil {
		return err
	}
	if st.Branch != "" {
		to <- prometheus.MustNewConstMetric(l.pool, prometheus.GaugeValue, float64(st.Pending), name, string(st.Branch))
	}
	for branch, pending := range st.Others {
		to <- prometheus.MustNewConstMetric(l.pool, prometheus.GaugeValue, float64(pending), name, string(branch))
	}
	return nil
}
