package sql

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"aergo/contract/value"
)

// TestRefusedAtCompile has what would reach outside the case, differ between machines, or
// take a prepare without end.
func TestRefusedAtCompile(t *testing.T) {
	for _, source := range []string{
		"random()", "randomblob(8)", "zeroblob(8)", "printf('%d', 1)", "format('%d', 1)", "round(1)", "avg(1)", "total(1)", "sqrt(2)",
		"date('now')", "time('now')", "datetime('now')", "julianday('now')", "unixepoch()", "strftime('%s', 'now')", "timediff(1, 2)",
		"current_timestamp", "current_date", "current_time", "changes()", "total_changes()", "last_insert_rowid()",
		"sqlite_version()", "sqlite_source_id()", "sqlite_compileoption_get(1)", "sqlite_log(1, 'x')", "load_extension('x')",
		"likely(1)", "soundex('x')", "unhex('00', 'x')", "uuid()", "base64(x'00')", "'a' REGEXP 'b'", "'a' GLOB 'b'", "'a' MATCH 'b'", "decimal('1')", "decimal_sum(1)",
		"json_patch('{}', '{}')", "jsonb('1')", "json_tree('1')", "fts5(1)", "edit('x')", "readfile('/etc/passwd')", "row_number() OVER ()",
		"(SELECT count(*) FROM sqlite_master)", "(SELECT name FROM sqlite_schema)", "(SELECT count(*) FROM sqlite_temp_master)",
		"(SELECT count(*) FROM pragma_function_list)", "(SELECT * FROM pragma_database_list)", "(SELECT value FROM json_tree('[1]'))",
		"(SELECT value FROM generate_series(1, 5))", "(SELECT * FROM sqlite_dbpage)", "(SELECT * FROM dbstat)", "(SELECT * FROM bytecode('SELECT 1'))",
		"PRAGMA user_version", "ATTACH 'x' AS y", "CREATE TABLE x(y)", "INSERT INTO x VALUES (1)", "VACUUM", "BEGIN", "RAISE(ABORT, 'x')",
		"WITH sqlite_master AS (SELECT 1) SELECT * FROM sqlite_master", `WITH "pragma_x" AS (SELECT 1) SELECT 2`,
		"ours COLLATE decimal", "'a' COLLATE uint = 'b'", "'a' COLLATE", "ours = :name", "ours = @name", "ours = $name", "#1", "{x}", "'x' || main.ours",
		strings.Repeat("(", 3000) + "1" + strings.Repeat(")", 3000),
		strings.Repeat("SELECT * FROM (", 1000) + "SELECT 1" + strings.Repeat(")", 1000),
		"1" + strings.Repeat("+1", 200),
		strings.Repeat("abs(", 150) + "1" + strings.Repeat(")", 150),
		strings.Repeat("CASE WHEN 1 THEN ", 150) + "1" + strings.Repeat(" END", 150),
		"SELECT 1" + strings.Repeat(" UNION SELECT 1", 20),
		"concat(1" + strings.Repeat(",1", 20) + ")",
		copies(10, "SELECT p.x FROM a%d p, a%[1]d q, a%[1]d r", "SELECT 1"),
		copies(25, "SELECT x+x FROM a%d", "SELECT value FROM json_each('[1,2]')"),
		copies(5, "SELECT x"+strings.Repeat("+x", 60)+" FROM a%d", "SELECT value FROM json_each('[1,2]')"),
		copies(2000, "SELECT count(x) FROM a%d", "SELECT 1"),
	} {
		start := time.Now()
		_, err := Compile([]byte(source))
		if !errors.Is(err, ErrProgram) {
			t.Errorf("%.60s: %v", source, err)
		}
		if took := time.Since(start); took > time.Second/10 {
			t.Logf("%.60s: %v", source, took)
		}
	}
}

// copies returns a rule with names that WITH gives, each made of the one before.
func copies(n int, each, first string) string {
	var b strings.Builder
	b.WriteString("WITH a0(x) AS (" + first + ")")
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, ", a%d(x) AS (%s)", i, fmt.Sprintf(each, i-1))
	}
	fmt.Fprintf(&b, " SELECT x FROM a%d", n)
	return b.String()
}

// hostile resolvers get past Compile and must end by themselves.
func hostile() []string {
	loop := "WITH RECURSIVE r(x) AS (SELECT %s UNION ALL SELECT %s FROM r) SELECT %s FROM r"
	return []string{
		fmt.Sprintf(loop, "1", "x + 1", "count(*)"),
		fmt.Sprintf(loop, "1", "x", "max(x)"),
		fmt.Sprintf(loop, "ours", "x || x", "max(x)"),
		fmt.Sprintf(loop, "ours", "x", "group_concat(x)"),
		fmt.Sprintf(loop, "ours", "x || 'x'", "json_group_array(x)"),
		fmt.Sprintf(loop, "ours", "hex(x)", "count(*)"),
		fmt.Sprintf(loop, "ours", "replace(x, 'a', 'aa')", "count(*)"),
		fmt.Sprintf(loop, "ours", "upper(x)", "count(DISTINCT x)"),
		fmt.Sprintf(loop, "ours", "lower(x)", "x") + " ORDER BY x DESC",
		fmt.Sprintf(loop, "ours", "substr(x, 1, length(x) - 1)", "sum(x LIKE '%' || x || '%')"),
		fmt.Sprintf(loop, "ours", "x", "sum(theirs LIKE '%a%a%a%a%a%b' || x)"),
		fmt.Sprintf(loop, "ours", "x", "sum(instr(x, theirs || 'b'))"),
		fmt.Sprintf(loop, "ours", "trim(x, 'bcdefghijklmnop')", "count(*)"),
		fmt.Sprintf(loop, "json_array(ours)", "json_array(x)", "count(*)"),
		fmt.Sprintf(loop, "json_array(ours,ours,ours)", "x", "sum(json_extract(x,'$[0]','$[1]','$[2]','$[2]','$[2]','$[2]','$[2]','$[2]','$[2]') IS NULL)"),
		fmt.Sprintf(loop, "1", "x + 1", "sum(json_extract('[' || x || ',' || substr(theirs, 2)"+strings.Repeat(",'$[#-1]'", 6)+") IS NULL)"),
		fmt.Sprintf(loop, "1", "x + 1", "sum(length(quote(ours || x)))"),
		fmt.Sprintf(loop, "1", "x", "sum((SELECT count(*) FROM json_each('[1,2,3,4,5,6,7,8,9]')))"),
		"WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(DISTINCT theirs || n) FROM r",
		"WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT theirs || theirs || n AS x FROM r ORDER BY x",
		"WITH RECURSIVE r(n, x) AS (SELECT 1, ours UNION ALL SELECT n + 1, theirs FROM r ORDER BY 1 DESC) SELECT x FROM r ORDER BY x, n",
		"WITH RECURSIVE r(n, x) AS (SELECT 1, ours UNION SELECT n + 1, theirs || n FROM r), s AS MATERIALIZED (SELECT * FROM r) SELECT count(*) FROM s a, s b WHERE a.x = b.x",
		"SELECT count(*) FROM json_each('[1,2,3,4,5,6,7,8,9,0]') a, json_each('[1,2,3,4,5,6,7,8,9,0]') b, json_each('[1,2,3,4,5,6,7,8,9,0]') c, json_each('[1,2,3,4,5,6,7,8,9,0]') d, json_each('[1,2,3,4,5,6,7,8,9,0]') e",
		"SELECT count(*) FROM (VALUES (1),(2),(3),(4),(5),(6),(7),(8)) a, (VALUES (1),(2),(3),(4),(5),(6),(7),(8)) b, (VALUES (1),(2),(3),(4),(5),(6),(7),(8)) c, (VALUES (1),(2),(3),(4),(5),(6),(7),(8)) d, (VALUES (1),(2),(3),(4),(5),(6),(7),(8)) e ORDER BY 1",
	}
}

// TestHostileRulesEnd runs them on small and large rows. Steps or lengths end them, never
// the guard on memory.
func TestHostileRulesEnd(t *testing.T) {
	small := cell(t, "", `{"v":"aaaa"}`, `{"v":"aaab"}`)
	long := strings.Repeat("a", 60<<10)
	large := cell(t, "", `{"v":"`+long+`"}`, `{"v":"`+long+`b"}`)
	list := cell(t, "", `{"v":["a"]}`, `{"v":[1`+strings.Repeat(",1", 15<<10)+`]}`)
	for _, source := range hostile() {
		r, err := Compile([]byte(source))
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		s := r.NewSession()
		for _, c := range []*Case{small, large, list} {
			start := time.Now()
			_, err := s.Resolve(context.Background(), c)
			var e *Error
			switch {
			case !errors.As(err, &e):
				t.Errorf("%s: %v", source, err)
			case e.Err != ErrSteps && e.Err != ErrSize && e.Err != ErrRun || strings.Contains(e.Detail, "memory"):
				t.Errorf("%s: %v", source, err)
			case e.Steps > MaxSteps+2*stepGrain:
				t.Errorf("%s: %d steps", source, e.Steps)
			}
			t.Logf("%v, %.50s: %v", time.Since(start), source, err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("%s: close: %v", source, err)
		}
	}
}

// TestMemoryGivesOutInOrder has a guard so low that SQLite meets it: an error, and the same
// session serves the next case.
func TestMemoryGivesOutInOrder(t *testing.T) {
	r, err := Compile([]byte("WITH RECURSIVE r(x) AS (SELECT ours UNION ALL SELECT x || 'x' FROM r) SELECT count(DISTINCT x) FROM r"))
	if err != nil {
		t.Fatal(err)
	}
	s := r.session(1 << 20)
	defer s.Close()
	text := string(value.AppendJSON(nil, value.AppendText(nil, strings.Repeat("a", 20<<10))))
	c := cell(t, "", `{"v":`+text+`}`, `{"v":"b"}`)
	for range 2 {
		if _, err := s.Resolve(context.Background(), c); !errors.Is(err, ErrSize) || !strings.Contains(err.Error(), "memory") {
			t.Errorf("got %v", err)
		}
	}
}

// TestSessionsRunAside has one resolver in several goroutines.
func TestSessionsRunAside(t *testing.T) {
	r, err := Compile([]byte("on stock.v: decimal_add(ours + theirs - base, length(replace('xx', 'x', author.name)))"))
	if err != nil {
		t.Fatal(err)
	}
	c := cell(t, `{"v":10}`, `{"v":12}`, `{"v":15}`)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			s := r.NewSession()
			for range 50 {
				if got := say(s.Resolve(context.Background(), c)); got != "23" {
					t.Errorf("got %s", got)
				}
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

func TestEndedContext(t *testing.T) {
	r, err := Compile([]byte("ours"))
	if err != nil {
		t.Fatal(err)
	}
	s := r.NewSession()
	defer s.Close()
	c := cell(t, "", `{"v":1}`, `{"v":2}`)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Resolve(ctx, c); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if got := say(s.Resolve(context.Background(), c)); got != "1" {
		t.Errorf("got %s", got)
	}
}
