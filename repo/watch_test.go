package repo

import (
	"fmt"
	"strings"
	"testing"

	"aergo/repo/store/faultfs"
)

// TestMergeReportsProgress merges enough for some reports, which ascend and stay below the whole.
func TestMergeReportsProgress(t *testing.T) {
	const rows = 3 * watchedTransactions
	r := initAt(t, faultfs.New())
	var got []Progress
	r.opts.Progress = func(p Progress) {
		if p.Phase == "merging" {
			got = append(got, p)
		}
	}
	checkoutNew(t, r, "feature")
	lines := make([]string, rows)
	for i := range lines {
		lines[i] = fmt.Sprintf(`{"op":"put","table":"t","key":"%d","fields":{"n":1}}`, i)
	}
	apply(t, r, strings.Join(lines, "\n"))
	commit(t, r, "many")
	checkout(t, r, "master")
	apply(t, r, `{"op":"put","table":"t","key":"z","fields":{"n":1}}`)
	commit(t, r, "elsewhere")
	if m, err := r.Merge(t.Context(), MergeRequest{Source: "feature"}); err != nil || m.Applied != rows {
		t.Fatalf("merged %+v, %v", m, err)
	}
	if len(got) != rows/watchedTransactions {
		t.Errorf("%d reports", len(got))
	}
	for i, p := range got {
		if p.Total != rows || p.Done > p.Total || i > 0 && p.Done <= got[i-1].Done {
			t.Errorf("report %d is %+v", i, p)
		}
	}
}
