# agora. "make help" lists the targets. Building, running and testing need only Go and a C compiler.

SHELL   := /bin/sh
GO      ?= go
TAGS    := sqlite_fts5
RELEASE := $(shell git describe --tags --always --dirty 2>/dev/null)
LDFLAGS := -X main.release=$(RELEASE)

FUZZTIME ?= 30s
# Products of the catalogue that searches are measured on: 1.7 GB of disk for a million.
BENCH_PRODUCTS ?= 1000000
# Users of the feeds that are measured, with 200 follows each: a million take 2 GB of disk, three times that while they are measured, and minutes.
FEED_BENCH_USERS ?= 10000
# Servers that tests start. The tests of one that cannot be installed are skipped, and say so.
SERVERS  := postgresql redis-server stripe-mock nginx varnish
# Servers that run on Java, and their tests, which make test skips unless the servers are installed.
GROWN       := kafka cassandra
GROWN_TESTS := ./engine/kafka/... ./engine/cassandra/...
# The race detector takes five to ten times as long; -short leaves out long tests.
RACE     ?= -short

.DEFAULT_GOAL := help
.PHONY: help run build servers test test/grown test/race test/stress fuzz bench lint alerts generate verify clean

help: ## show this
	@awk -F ':.*## ' '/^[a-z\/]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## start a shop with a small generated demo in ./agora-data
	bin/agora serve --demo

build: ## build bin/agora
	$(GO) build -tags $(TAGS) -ldflags '$(LDFLAGS)' -o bin/agora ./cmd/agora

servers:
	-bash scripts/need $(SERVERS)

test: servers ## run all tests, conformance suites included
	$(GO) test -tags $(TAGS) -timeout 20m ./...

test/grown: servers ## install the servers that run on Java, and run their tests
	bash scripts/need $(GROWN)
	$(GO) test -tags $(TAGS) -count=1 -timeout 20m $(GROWN_TESTS)
	$(GO) test -tags $(TAGS) -count=1 -timeout 20m -run 'Kafka|Cassandra' ./app

test/race: servers ## run the tests under the race detector (RACE= for the long ones too)
	$(GO) test -tags $(TAGS) -race $(RACE) -timeout 20m ./...

test/stress: servers ## run all tests, the crash, oversell, several-server, model and simulation tests in their long forms (hours)
	STRESS=1 $(GO) test -tags $(TAGS) -count=1 -p 1 -timeout 8h ./...

fuzz: ## run each fuzz target for a while (FUZZTIME=30s)
	bash scripts/fuzz $(FUZZTIME)

bench: build ## run the benchmarks; the first run generates a catalogue of 1M products in ./bench-data
	bin/agora generate --data bench-data --products $(BENCH_PRODUCTS) --users 0
	BENCH_DATA=$(CURDIR)/bench-data FEED_BENCH_DATA=$(CURDIR)/bench-data/feed FEED_BENCH_USERS=$(FEED_BENCH_USERS) $(GO) test -tags $(TAGS) -run '^$$' -bench . -benchmem -timeout 1h ./...

lint: alerts ## run the linters and check the alert rules
	bash scripts/need golangci-lint
	PATH="$(CURDIR)/.tools:$$PATH" golangci-lint run ./...

alerts:
	bash scripts/need promtool
	promtool check rules deploy/prometheus/alerts.yml
	promtool check config deploy/prometheus/prometheus.yml
	promtool test rules deploy/prometheus/alerts_test.yml

generate: ## write the generated files again
	$(GO) generate -tags $(TAGS) ./...

verify: lint ## run all checks that a change has to pass
	bash scripts/generated
	$(MAKE) test

clean: ## remove build results, installed tools and bench-data
	rm -rf bin .tools bench-data
