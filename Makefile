# One command for each need. Everything but `lint` and `browser` needs Go alone.

GO       ?= go
FUZZTIME ?= 30s
# The folder with the cases of real history that are not shipped; see repo/replay.
AERGO_REPLAY_DATA ?= $(abspath ../shared/data)

# Built from source at the first use, through the module proxy.
GOLANGCI_LINT ?= $(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.PHONY: build
build: ## bin/aergo
	$(GO) build -o bin/aergo ./cmd/aergo

.PHONY: test
test: ## all tests: packages, stories of the command line, the README's tour, style and layers
	$(GO) test ./... ./testdata/rows

.PHONY: race
race: ## the same under the race detector
	$(GO) test -race -timeout 20m ./...

.PHONY: browser
browser: ## the daemon's pages, read in a real browser: Debian's chromium, or AERGO_CHROMIUM
	$(GO) test -tags browser -count 1 -run Browser ./net/gateway

.PHONY: lint
lint: ## gofmt, go vet, golangci-lint with staticcheck
	@bad=$$(gofmt -l .); if [ -n "$$bad" ]; then echo "not gofmt'd: $$bad"; exit 1; fi
	$(GO) vet ./...
	$(GO) vet -tags browser ./net/gateway
	$(GOLANGCI_LINT) run ./...

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME each
	GO="$(GO)" .ci/fuzz $(FUZZTIME)

.PHONY: bench
bench: ## whole processes beside git and the machine's limits, into docs/benchmarks.md; the daemon, into docs/daemon-benchmarks.md; the tree, into docs/dtt.md; blocks of transfers, into docs/validation.md; packages on screen
	AERGO_BENCH_REPORT=$(CURDIR)/docs/benchmarks.md $(GO) test -run '^$$' -bench Whole -benchtime 1x -timeout 60m ./cmd/aergo
	AERGO_DAEMON_REPORT=$(CURDIR)/docs/daemon-benchmarks.md $(GO) test -run '^$$' -bench 'Daemon$$' -benchtime 1x -timeout 60m ./cmd/aergo
	AERGO_REPLAY_DATA=$(AERGO_REPLAY_DATA) AERGO_DTT_REPORT=$(CURDIR)/docs $(GO) test -run '^$$' -bench Compare -timeout 60m ./dtt/compare
	AERGO_VALIDATE_REPORT=$(CURDIR)/docs/validation.md $(GO) test -run '^$$' -bench ValidateTransfers -benchtime 1x -timeout 60m ./branch
	AERGO_MERGE_REPORT=$(CURDIR)/docs/merge-benchmarks.md $(GO) test -run '^$$' -bench Merge -benchtime 3x -timeout 60m ./merge/bench
	$(GO) test -run '^$$' -bench . -skip ValidateTransfers -timeout 60m ./branch/... ./contract/... ./dtt ./dtt/optimistic ./dtt/workload ./merge ./repo/...

.PHONY: determinism
determinism: ## 100,000 random blocks by every tree and number of workers, 1,000,000 pairs of access lists
	$(GO) test ./dtt -count 1 -v -run 'TestDeterminism|TestConflictsAgainstOracle' -blocks 100000 -pairs 1000000 -timeout 30m

.PHONY: simulate
simulate: ## consensus: 10,000 clusters from seeds, with all that networks, disks and delegates do
	$(GO) test ./consensus/simulator -count 1 -v -run TestSeeds -seeds 10000 -replay 10 -timeout 3h

.PHONY: mutants
mutants: ## known bugs in consensus, one at a time; the simulator has to find each
	GO="$(GO)" .ci/mutants

.PHONY: replay
replay: ## real histories of thousands of commits, from AERGO_REPLAY_DATA
	AERGO_REPLAY_DATA=$(AERGO_REPLAY_DATA) $(GO) test -count 1 -v -timeout 30m ./repo/replay

.PHONY: histories
histories: ## 40 random histories of 1,500 operations through the door, against the plain model of merge/oracle
	$(GO) test ./repo -count 1 -v -run 'Oracle' -histories 40 -steps 1500 -timeout 60m

.PHONY: fmt
fmt: ## gofmt -w
	gofmt -w .

.PHONY: clean
clean: ## remove what the other targets build
	rm -rf bin

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z]*\):.* ## /\1\t/p' Makefile
