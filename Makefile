# Nothing but Go and make is needed: `go tool` builds the linters that tools/go.mod pins, the first time in a minute or two.

GO   ?= go
LINT := $(GO) tool -modfile=tools/go.mod golangci-lint

# The packages to test: make test PKG=./writer/...
PKG ?= ./...

# The race detector needs a C compiler everywhere but on macOS; CI insists on it with RACE=-race.
RACE ?= $(if $(filter 1,$(shell $(GO) env CGO_ENABLED))$(filter darwin,$(shell $(GO) env GOOS)),-race)

# What the race detector leaves out: SQLite, which it makes ten times as slow. Two goroutines on one connection already
# meet in the package above that. With UNRACED= it looks into SQLite as well.
UNRACED ?= github.com/ncruces/go-sqlite3-wasm/...

# "No cgo" is a promise about these.
BUILDS := $(foreach os,linux darwin windows,build/$(os)/amd64 build/$(os)/arm64)

# The time for each fuzz target, and the arguments of the benchmark program (cd bench && go run . -help).
FUZZTIME ?= 1m
BENCH    ?= -scenario s1b -engines ffsqlite,floor-group,goqite-queue,river,dbos,go-workflows,backlite \
            -conc 64 -sync full -jobs 20000 -reps 3 -json results.jsonl

# The packages whose tests know the -torture flag, which internal/fftest defines.
TORTURED := $(GO) list -f '{{.ImportPath}} {{.TestImports}} {{.XTestImports}}' $(PKG) | awk '/internal\/fftest/ { print $$1 }'

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: test
test: bench-builds ## run every test, under the race detector and in random order
	$(if $(RACE),,@echo "No C compiler: testing without the race detector.")
	$(GO) test $(RACE) $(if $(RACE),$(UNRACED:%=-gcflags=%=-race=false)) -shuffle=on $(PKG)

.PHONY: check
check: format-diff vet lint tidy-diff $(BUILDS) ## check format, vet, lint, module files and builds without cgo

.PHONY: format
format: ## format every file
	$(LINT) fmt

.PHONY: lint
lint: ## run the linters of .golangci.yml
	$(LINT) run

.PHONY: bench
bench: ## compare the engine with its peers: make bench BENCH="-scenario s2 ..."
	cd bench && $(GO) run . $(BENCH)

.PHONY: quickstart
quickstart: ## run a small flow and watch its events
	$(GO) run ./examples/quickstart

.PHONY: torture
torture: ## kill, reopen and check, hundreds of times
	$(GO) test -run Torture -timeout 4h $$($(TORTURED)) -args -torture

.PHONY: mutate
mutate: ## plant known faults, each of which the tests must catch: make mutate FAULT=lease
	$(GO) run ./internal/mutate -run '$(FAULT)'

.PHONY: fuzz
fuzz: ## fuzz each parser for a minute: make fuzz FUZZTIME=1h
	@for package in $$($(GO) list $(PKG)); do \
		names=$$($(GO) test -list '^Fuzz' $$package) || { echo "$$names"; exit 1; }; \
		for name in $$(echo "$$names" | grep '^Fuzz'); do \
			$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x $$package || exit 1; \
		done; \
	done

# The parts of check and test.

.PHONY: format-diff
format-diff:
	$(LINT) fmt --diff

.PHONY: vet
vet:
	$(GO) vet ./...

.PHONY: tidy-diff
tidy-diff:
	$(GO) mod tidy -diff
	cd bench && $(GO) mod tidy -diff

.PHONY: $(BUILDS)
$(BUILDS): build/%:
	CGO_ENABLED=0 GOOS=$(*D) GOARCH=$(*F) $(GO) build ./...

.PHONY: bench-builds
bench-builds:
	cd bench && $(GO) vet ./... && $(GO) build -o /dev/null .
