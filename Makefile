# hookproof. Two commands are all the set-up: make run, make test.

SHELL      := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
GO         ?= go
STATE      := .hookproof
RACE_TIMEOUT := 30m

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: $(STATE)/secret ## Run everything in one process, with a sender that signs rightly and wrongly. Ctrl-C ends it.
	@$(GO) build -o $(STATE)/hookproof ./pkg/cmd/hookproof
	@echo "The secret of the webhook genesys is in $(STATE)/secret, the console at http://127.0.0.1:9090/console. Ctrl-C ends it."
	@WEBHOOK_SECRET="$$(cat $(STATE)/secret)" ALLOWED_IPS=127.0.0.1,::1 HOOKPROOF_TRUSTED_PROXIES=127.0.0.1 \
		HOOKPROOF_DATA_DIR=$(STATE)/data HOOKPROOF_AUDIT=text HOOKPROOF_LOG_LEVEL=$${HOOKPROOF_LOG_LEVEL:-warn} \
		exec $(STATE)/hookproof all --demo

$(STATE)/secret:
	@mkdir -p $(STATE) && umask 077 && head -c 24 /dev/urandom | base64 > $@

.PHONY: test
test: build vet ## The whole gate: build, vet, staticcheck, gosec, race tests, import rules, vectors, the chart, some faults, a little fuzzing.
	$(MAKE) -j2 race beside
	$(MAKE) chaos-short fuzz-short

# What works while the race tests mostly wait.
.PHONY: beside
beside: gosec vectors chart

.PHONY: test-all
test-all: test test-deploy test-hostile test-cluster test-jaeger chaos-planted chaos chaos-synced ## Every check there is, one after the other: the gate, the heavy ones, every fault.

.PHONY: build
build: ## Build everything, the test build with failpoints included.
	$(GO) build ./...
	$(GO) build -tags failpoint -o /dev/null ./pkg/cmd/hookproof

PLANTED := planted_claim_first,planted_anonymous_claim,planted_ack_first,planted_no_msg_id,planted_wall_clock,planted_reserialised_body,planted_raw_headers,planted_discard_old

.PHONY: vet
vet: ## gofmt, go vet, staticcheck, and that go.mod is tidy.
	@unformatted="$$(gofmt -l $$(git ls-files '*.go'))"; test -z "$$unformatted" || { echo "not gofmt-ed:" $$unformatted; exit 1; }
	$(GO) mod tidy -diff
	$(GO) vet ./...
	$(GO) vet -tags failpoint ./...
	$(GO) vet -tags failpoint,$(PLANTED) ./...
	$(GO) tool staticcheck ./...
	for m in deploy/tools/bench deploy/tools/chaos deploy/tools/hostile deploy/examples/consumer-go; do (cd $$m && $(GO) mod tidy -diff && $(GO) vet ./...) || exit 1; done

# G101 takes names for credentials, G117 a reference to a secret for one; G304 objects to files that an operator names;
# G404 to pauses that are drawn by chance. What only tests import is left out.
.PHONY: gosec
gosec: ## Security linting.
	$(GO) run github.com/securego/gosec/v2/cmd/gosec@v2.30.0 -quiet -exclude=G101,G117,G304,G404 \
		-exclude-dir=deploy/tools -exclude-dir=pkg/genesys/genesystest -exclude-dir=pkg/telemetry/telemetrytest ./...

.PHONY: vulns
vulns: ## Known vulnerabilities in what is built in. Needs vuln.go.dev.
	$(GO) run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...

.PHONY: race
race: ## All tests of the module, with the race detector, and without it those that count allocations.
	$(GO) test -run Allocates ./verifier
	$(GO) test -race -parallel 6 -timeout $(RACE_TIMEOUT) ./...

.PHONY: vectors
vectors: ## The Wycheproof HMAC-SHA256 suite, in a module of its own because it is 109 MB.
	cd deploy/tools/wycheproof && $(GO) vet ./... && $(GO) test ./...

# The tests that are left out need kubectl-validate, kube-score and KEDA, which take minutes to build or to fetch: make test-deploy.
.PHONY: chart
chart: ## Lint the chart by Helm, check what it renders by the API's types and the pod security rules, and run its commands.
	cd deploy/tools/helm && $(GO) vet ./... && $(GO) test -count=1 -timeout 40m -skip '^(TestSchemas|TestScore|TestTriggerNames)$$' ./...

JAEGER := deploy/tools/jaeger/bin/jaeger-all-in-one

$(JAEGER): deploy/tools/jaeger/go.mod
	cd deploy/tools/jaeger && $(GO) build -trimpath -ldflags '-s -w' -o bin/jaeger-all-in-one github.com/jaegertracing/jaeger/cmd/all-in-one

.PHONY: jaeger
jaeger: $(JAEGER) ## Run the real Jaeger on loopback. Builds it first: minutes when cold.
	SPAN_STORAGE_TYPE=memory exec $(JAEGER) --log-level=error --collector.otlp.http.host-port=127.0.0.1:4318 --collector.otlp.grpc.host-port=127.0.0.1:4317 \
		--query.http-server.host-port=127.0.0.1:16686 --query.grpc-server.host-port=127.0.0.1:16685 --admin.http.host-port=127.0.0.1:14269 \
		--collector.http-server.host-port=127.0.0.1:14268 --collector.grpc-server.host-port=127.0.0.1:14250

.PHONY: test-jaeger
test-jaeger: $(JAEGER) ## Find each kind of reject in the real Jaeger. Builds it first: minutes when cold.
	cd deploy/tools/jaeger && $(GO) vet ./... && $(GO) test -count=1 ./...

.PHONY: node
node:
	@command -v node >/dev/null && command -v npm >/dev/null || { apt-get update -q && apt-get install -yq --no-install-recommends nodejs npm; }

.PHONY: test-deploy
test-deploy: node test-console ## Check image, releases, compose, chart, alert rules, collector, AsyncAPI, consumers and console with the tools of each. Minutes when cold.
	for m in prometheus image compose helm collector; do (cd deploy/tools/$$m && $(GO) mod tidy -diff && $(GO) vet ./... && $(GO) test -count=1 -timeout 40m ./...) || exit 1; done
	cd deploy/tools/asyncapi && npm ci --no-audit --no-fund && npm test
	$(GO) vet -tags deploy ./pkg/cmd/hookproof
	$(GO) test -tags deploy -count=1 -run '^(TestConsumerNode|TestConsumingCommands)' ./pkg/cmd/hookproof

.PHONY: image
image: ## Build the container image as .hookproof/hookproof.tar, for docker load. It needs no Docker.
	@mkdir -p $(STATE)
	cd deploy/tools/image && $(GO) run . -source $(CURDIR) -platforms linux/$$($(GO) env GOARCH) -tag local -archive $(CURDIR)/$(STATE)/hookproof.tar

.PHONY: image-push
image-push: ## Build the image for amd64 and arm64 and push it to IMAGE, as docker login lets you. It prints the digest.
	@test -n "$(IMAGE)" || { echo "IMAGE says where to: make image-push IMAGE=registry.example.com/team/hookproof"; exit 1; }
	cd deploy/tools/image && $(GO) run . -source $(CURDIR) -push $(IMAGE)

.PHONY: release
release: ## Build the archives of a release, on a tag, into .hookproof/dist, and publish them where GITHUB_TOKEN is set.
	$(GO) run github.com/goreleaser/goreleaser/v2@v2.14.3 release --config deploy/goreleaser.yaml --clean $(if $(GITHUB_TOKEN),,--skip=publish,announce)

.PHONY: compose
compose: image ## Start everything of production on this machine, with Docker Compose.
	docker load --input $(STATE)/hookproof.tar
	docker compose -f deploy/compose/compose.yaml up

.PHONY: test-console
test-console: node ## Use the console in a real Chromium: live rows, keyboard, phone, axe. Installs it first where it is missing.
	@command -v chromium >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-liberation fonts-dejavu-core; }
	$(GO) build -o deploy/tools/console/bin/hookproof ./pkg/cmd/hookproof
	cd deploy/tools/console && npm ci --no-audit --no-fund && HOOKPROOF=$(CURDIR)/deploy/tools/console/bin/hookproof node --test --test-timeout=600000 console.test.mjs

.PHONY: test-hostile
test-hostile: ## Slow headers, bodies and reads by slowhttptest, which is installed from Debian. 2 minutes.
	@command -v slowhttptest >/dev/null || { apt-get update -qq && apt-get install -y -qq slowhttptest; }
	cd deploy/tools/hostile && $(GO) test -count=1 -v ./...

FLOOD ?= 10s

.PHONY: flood
flood: ## 50 forged requests for each honest one, with and without, and what honest ones notice. 2 minutes; longer by FLOOD (10s).
	HOOKPROOF_FLOOD=$(FLOOD) $(GO) test -count=1 -timeout 60m -run 'TestForgedFlood' -v ./pkg/cmd/hookproof | grep -v level=

BENCH_ROUNDS ?= 5
BENCH_N      ?= 20000
BENCH_CONNS  ?= 64
BENCH_SIZE   ?= 1024
BENCH_SUITES ?= default,latency,always,cluster
BENCH_PLOTS  ?= $(STATE)/plots

BENCH := deploy/tools/bench/bin/bench -hookproof $(CURDIR)/deploy/tools/bench/bin/hookproof -nats-server $(CURDIR)/deploy/tools/bench/bin/nats-server

.PHONY: bench-tools
bench-tools:
	@mkdir -p $(STATE)
	$(GO) build -o deploy/tools/bench/bin/hookproof ./pkg/cmd/hookproof
	cd deploy/tools/bench && $(GO) build -o bin/ . github.com/nats-io/nats-server/v2

.PHONY: bench
bench: bench-tools ## Measure throughput, latency, CPU and memory beside bare handlers, and draw them. About 11 minutes; sizes by BENCH_ROUNDS, _N, _CONNS, _SIZE, _SUITES.
	$(BENCH) -suites $(BENCH_SUITES) -rounds $(BENCH_ROUNDS) -n $(BENCH_N) -c $(BENCH_CONNS) -size $(BENCH_SIZE) -out $(STATE)/bench.json -plots $(BENCH_PLOTS)
	@echo "Every round is in $(STATE)/bench.json, the plots are in $(BENCH_PLOTS)."

OLD ?= HEAD~1
HOT := ./pkg/event ./pkg/signature ./verifier

.PHONY: benchstat
benchstat: ## Compare the hot functions with those of OLD (default HEAD~1). About 3 minutes.
	@rm -rf $(STATE)/old $(STATE)/old.bench $(STATE)/new.bench && git worktree prune && git worktree add -q --detach $(STATE)/old $(OLD)
	@for n in 1 2 3 4 5 6; do for tree in $(STATE)/old .; do \
		(cd $$tree && $(GO) test -run '^$$' -bench . -benchtime 200ms $(HOT)) >> $(STATE)/$$(basename $$tree | sed 's/^\.$$/new/').bench; done; done
	@git worktree remove --force $(STATE)/old
	$(GO) run golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da $(STATE)/old.bench $(STATE)/new.bench
	@rm -f $(STATE)/old.bench $(STATE)/new.bench

.PHONY: bench-long
bench-long: bench-tools ## Measure what takes time: a constant rate, memory by keys, ids and backlog, the cost with many keys, and more verifiers. About 15 minutes.
	$(BENCH) -sustain 60s -rate 10000
	$(BENCH) -scaleout 40000
	$(BENCH) -keys 3000000 -rounds 3
	$(BENCH) -memory 1000000

SOAK ?= 10m

.PHONY: soak
soak: bench-tools ## Send 2,000 events a second to roles apart for SOAK (10m) and watch backlog and memory.
	$(BENCH) -sustain $(SOAK) -rate 2000 -apart

SEED ?= 1

.PHONY: chaos
chaos: ## Inject every fault into real processes, on one server and on three, and check what came of each request.
	cd deploy/tools/chaos && $(GO) run . -scenario all -seed $(SEED) && $(GO) run . -scenario all -nodes 3 -seed $(SEED)

.PHONY: chaos-synced
chaos-synced: ## The same on three servers that sync before they acknowledge, with groups in atomic batches, as in production.
	cd deploy/tools/chaos && $(GO) run . -scenario all -nodes 3 -synced -seed $(SEED)

.PHONY: chaos-short
chaos-short: ## Three of the faults, with the tests of the checker itself.
	cd deploy/tools/chaos && $(GO) test . ./check ./history && $(GO) run . -scenario short -seed $(SEED)

.PHONY: chaos-planted
chaos-planted: ## Plant eight bugs, one after the other, and let the fault suite find each. About 4 minutes.
	cd deploy/tools/chaos && $(GO) run . -planted -seed $(SEED)

.PHONY: strace
strace:
	@command -v strace >/dev/null || { apt-get update -q && apt-get install -yq strace; }

.PHONY: test-cluster
test-cluster: strace ## Break a real NATS cluster, and show by strace that an acknowledged message is on the disk.
	cd deploy/tools/chaos && $(GO) vet ./... && $(GO) test -count=1 ./cluster ./durable

.PHONY: fuzz
fuzz: ## Fuzz each parser of bytes from outside for FUZZTIME (default 60s).
	@packages="$$($(GO) list ./...)"; \
	for pkg in $$packages; do \
		listed="$$($(GO) test -list '^Fuzz' $$pkg)" || { echo "$$listed"; exit 1; }; \
		for target in $$(grep '^Fuzz' <<<"$$listed" || true); do \
			echo "== $$pkg $$target"; $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $${FUZZTIME:-60s} $$pkg; \
		done; \
	done

.PHONY: fuzz-short
fuzz-short: ## The same for a counted number of inputs, as the gate does.
	@$(MAKE) --no-print-directory fuzz FUZZTIME=20000x

.PHONY: clean
clean: ## Remove what make run left.
	rm -rf $(STATE)
