# `make help` lists the targets. Everything runs on Debian as root or with sudo; Go does the rest.

GO         ?= go
GOFUMPT     = $(GO) run mvdan.cc/gofumpt@v0.12.0
STATICCHECK = $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2
OAPICODEGEN = $(GO) run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2

# Tests of real clients need Chromium, FFmpeg and GStreamer, hence their build tags.
TAGS      = e2e,bars,soak
FUZZTIME ?= 30s
SOAKTIME ?= 10m
SOAKSEEDS ?= 5000
SWITCHES ?= 10000

# A program with the race detector waits for a second before it exits, unless it is told not to.
# `make lint` vets all there is.
RACE = GORACE=atexit_sleep_ms=0 $(GO) test -race -vet=off

# A test's exit status counts, not that of what shortens its output.
SHELL      := bash
.SHELLFLAGS := -o pipefail -c

.DEFAULT_GOAL := help
.PHONY: help setup build test test-unit test-web e2e layers bars sim soak fuzz lint lint-api api format test-deploy image-check clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build dist/whippet, a static binary
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o dist/whippet ./cmd/whippet

setup: ## install what the tests need (Debian packages, npm, an FFmpeg with WHIP)
	@test/setup.sh

test: setup lint lint-api test-unit test-deploy image-check e2e ## everything a change must pass

# The core and its tests are one goroutine each, which internal/house sees to: the race detector has
# nothing to find there and takes seven times as long. Whole nodes, which take longest, begin first.
test-unit: ## Go tests of every package, with the race detector; test-web is among them
	$(GO) test -vet=off -timeout 15m ./forwarder/...
	$(RACE) -run NeedNoLock ./forwarder
	@rest=$$($(GO) list ./... | grep -v /forwarder) && set -x && $(RACE) -p 2 -timeout 15m ./internal/nodetest ./cmd/whippet $$rest

test-web: ## tests of the pages' modules alone, in Node.js
	node --test internal/web/test/*.test.mjs

e2e: setup ## real clients: Chromium, FFmpeg, GStreamer, sockets
	$(GO) test -tags e2e -vet=off -count=1 -v -timeout 25m ./test/e2e | awk -f test/progress.awk
	LINKCYCLES=50 $(GO) test -tags soak -vet=off -run TestLinkCycles -count=1 -timeout 5m ./test/soak

layers: setup ## layers in Chromium behind capped links, all codecs; wants a quiet machine
	LAYERS=all $(GO) test -tags e2e -run TestLayers -count=1 -v -timeout 25m ./test/e2e | awk -f test/progress.awk

bars: setup ## measure the promised figures; writes dist/bars.json
	$(GO) test -tags bars -count=1 -v -timeout 60m ./test/bars

sim: ## a thousand nodes and a million subscribers in virtual time; writes docs/simulation.md
	SIM=1 $(GO) test -run TestThousandNodes -count=1 -v -timeout 10m ./relay/clustertest -args -update

soak: setup ## joins, leaves and restarts for SOAKTIME, 10,000 links, SWITCHES of each codec's layers, SOAKSEEDS schedules of clusters, what is too long for `make test`
	SOAKTIME=$(SOAKTIME) $(GO) test -tags soak -count=1 -v -timeout 24h ./test/soak
	SOAKTIME=$(SOAKTIME) SWITCHES=$(SWITCHES) $(GO) test -run TestSweep -count=1 -timeout 24h ./forwarder/forwardertest
	$(RACE) -count=1 -timeout 24h ./forwarder/...
	SEEDS=$(SOAKSEEDS) $(GO) test -count=1 -timeout 24h ./internal/nodetest
	SEED=$(SOAKSEEDS) SEEDS=300 $(GO) test -race -run TestSchedules -count=1 -timeout 24h ./internal/nodetest

fuzz: ## every fuzz target for FUZZTIME
	test/fuzz.sh $(FUZZTIME)

lint: ## gofumpt, vet, staticcheck, syntax of scripts
	@unformatted=$$($(GOFUMPT) -l .) && [ -z "$$unformatted" ] || { echo "not formatted (make format):"; echo "$$unformatted"; exit 1; }
	$(GO) vet -tags $(TAGS) ./...
	$(STATICCHECK) -tags $(TAGS) ./...
	@for f in .ci/run test/*.sh deploy/*.sh; do [ ! -e "$$f" ] || bash -n "$$f" || exit 1; done
	@for f in test/harness/*.mjs test/harness/pages/*.js; do node --check "$$f" || exit 1; done

lint-api: ## openapi.yaml is sound, and internal/api/wire is what is generated from it
	npx --no-install redocly lint openapi.yaml --format=stylish
	@new=$$(mktemp) && trap 'rm -f "$$new"' EXIT && \
	$(OAPICODEGEN) -config internal/api/wire/config.yaml -o "$$new" openapi.yaml && \
	cmp -s "$$new" internal/api/wire/wire.gen.go || { echo "internal/api/wire is not what openapi.yaml says: make api"; exit 1; }

api: ## write internal/api/wire from openapi.yaml
	$(OAPICODEGEN) -config internal/api/wire/config.yaml -o internal/api/wire/wire.gen.go openapi.yaml

format: ## rewrite Go files as the lint wants them
	$(GOFUMPT) -w .

test-deploy: ## deploy/: the parsers of Compose and Kubernetes, and nodes that run with what they read
	cd deploy/check && $(GO) vet ./... && $(STATICCHECK) ./... && $(GO) test -count=1 -timeout 5m ./...

image-check: ## build what the container image holds and check it, without a container engine
	deploy/image-check.sh

clean: ## remove what was built here
	rm -rf dist .cache node_modules
