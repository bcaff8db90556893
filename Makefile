# SPDX-License-Identifier: Apache-2.0
#
# Works with Go, make, git and bash alone: every other tool is built from a go.sum in hack/.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-builtin-rules

# Of the image, and of what the binaries call themselves.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
IMG ?= controller:$(VERSION)
CONTAINER_TOOL ?= docker
# What is installed: config/default, or config/namespaced.
CONFIG ?= config/default
TESTFLAGS ?=
# A number of runs, since a time limit can strike inside a run, which go test then reports as a failure.
FUZZTIME ?= 10000x
DEMO_ARGS ?=
# The lease of an installed manager: the one that is run here waits while that one leads.
RUN_ARGS ?= --leader-election-namespace=pam-operator-system
BENCH_ARGS ?=

GO_BUILD = go build -buildvcs=false -trimpath -ldflags '-X main.version=$(VERSION)'

# The race detector needs a C compiler; where there is one, continuous integration uses it.
ifeq ($(CI)$(shell go env CGO_ENABLED),true1)
RACE := -race
endif

# A tool is named after what decides its content, so it is built once and again when that changes.
TOOLS_SUM := $(shell { go env GOVERSION GOARCH; cat hack/tools/go.mod hack/tools/go.sum; } | cksum | cut -d' ' -f1)
CONTROLLER_GEN := bin/controller-gen-$(TOOLS_SUM)
CRD_REF_DOCS := bin/crd-ref-docs-$(TOOLS_SUM)
GOLANGCI_LINT := bin/golangci-lint-$(TOOLS_SUM)

# etcd, kube-apiserver, kube-controller-manager and kubectl. Whoever sets KUBEBUILDER_ASSETS brings them along.
KUBEBUILDER_ASSETS ?= $(CURDIR)/bin/k8s
export KUBEBUILDER_ASSETS
KUBECTL ?= $(KUBEBUILDER_ASSETS)/kubectl

.DEFAULT_GOAL := help

##@ General

.PHONY: help
help: ## Show this list.
	@while IFS= read -r line; do \
		if [[ $$line =~ ^'##@ '(.*) ]]; then printf '\n%s\n' "$${BASH_REMATCH[1]}"; \
		elif [[ $$line =~ ^([a-z0-9-]+):.*'## '(.*) ]]; then \
			printf '  %-18s %s\n' "$${BASH_REMATCH[1]}" "$${BASH_REMATCH[2]}"; fi; \
	done <Makefile

##@ Development

.PHONY: generate
generate: $(CONTROLLER_GEN) ## Generate the deep copies of the API types.
	$(CONTROLLER_GEN) object:headerFile=hack/boilerplate.go.txt paths=./api/...

.PHONY: manifests
manifests: $(CONTROLLER_GEN) $(CRD_REF_DOCS) ## Generate the CRDs, the manager's role, docs/api.md, and the chart's copies.
	$(CONTROLLER_GEN) crd rbac:roleName=manager-role paths=./api/... paths=./internal/controller/... \
		output:crd:artifacts:config=config/crd/bases output:rbac:artifacts:config=config/rbac
	mkdir -p docs
	$(CRD_REF_DOCS) --source-path=api --config=hack/crd-ref-docs.yaml --log-level=ERROR --renderer=markdown --output-path=docs/api.md
	hack/chart.sh

.PHONY: fmt
fmt: ## Format the Go code.
	gofmt -s -w .

.PHONY: vet
vet: ## Run go vet.
	go vet ./...

.PHONY: tidy
tidy: ## Tidy the three Go modules.
	go mod tidy
	go -C hack/tools mod tidy
	go -C hack/controlplane mod tidy

.PHONY: lint
lint: $(GOLANGCI_LINT) ## Run the linters, those of the Kubernetes API among them.
	$(GOLANGCI_LINT) run

.PHONY: lint-fix
lint-fix: $(GOLANGCI_LINT) ## Run the linters and mend what they can.
	$(GOLANGCI_LINT) run --fix

.PHONY: verify
verify: ## Fail if anything generated, formatted or tidied differs from what is there; then lint.
	hack/verify.sh $(MAKE) --no-print-directory generate manifests tidy fmt
	$(MAKE) --no-print-directory vet lint

##@ Test

.PHONY: test
test: controlplane build ## Run all tests; TESTFLAGS="-run X -v" is passed on, CI=true turns the race detector on.
	go test $(RACE) -timeout 45m $(TESTFLAGS) ./...

.PHONY: test-e2e
test-e2e: controlplane build ## Run the built binaries on the test control plane.
	go test $(RACE) -timeout 45m $(TESTFLAGS) ./...t/e2e/...

.PHONY: test-cluster
test-cluster: controlplane ## Run the tests that need nodes on the cluster of KUBECONFIG; IMG is what test-image makes.
	@: "$${KUBECONFIG:?says which cluster to use}"
	IMG='$(IMG)' go test -tags cluster -count=1 -v -timeout 30m $(TESTFLAGS) ./test/cluster

.PHONY: bench
bench: controlplane build ## Measure the budgets against the simulators; BENCH_ARGS="--only idle" picks scenarios.
	go run ./test/bench $(BENCH_ARGS)

.PHONY: fuzz
fuzz: ## Run each fuzz test for FUZZTIME (10000x: as many inputs).
	hack/fuzz.sh '$(FUZZTIME)'

.PHONY: controlplane
controlplane: ## Build etcd, kube-apiserver, kube-controller-manager and kubectl into bin/k8s, once.
	@[[ '$(KUBEBUILDER_ASSETS)' != '$(CURDIR)/bin/k8s' ]] || hack/controlplane/build.sh bin/k8s

##@ Build

.PHONY: build
build: ## Build the manager, the simulator and the demo into bin/.
	$(GO_BUILD) -o bin/manager ./cmd
	$(GO_BUILD) -o bin/ ./cmd/pam-simulator ./cmd/pam-demo

.PHONY: run
run: ## Run the manager here, against the cluster of KUBECONFIG; RUN_ARGS=--leader-elect=false where none is installed.
	go run ./cmd $(RUN_ARGS)

.PHONY: demo
demo: controlplane build ## Control plane, simulators, manager and samples in one command; DEMO_ARGS=--once ends it.
	bin/pam-demo $(DEMO_ARGS)

.PHONY: docker-build
docker-build: ## Build the image IMG.
	$(CONTAINER_TOOL) build --build-arg VERSION='$(VERSION)' -t '$(IMG)' .

.PHONY: image-rootfs
image-rootfs: ## Write what is in the image into dist/rootfs, for builders without a container engine.
	hack/rootfs.sh dist/rootfs '$(VERSION)' manager=./cmd

.PHONY: test-image
test-image: ## Build the image IMG for test-cluster, which has the simulator and a consumer, too.
	$(CONTAINER_TOOL) build --target test --build-arg VERSION='$(VERSION)' -t '$(IMG)' .

.PHONY: test-image-rootfs
test-image-rootfs: ## Write what is in that image into dist/test-rootfs.
	hack/rootfs.sh dist/test-rootfs '$(VERSION)' manager=./cmd pam-simulator=./cmd/pam-simulator \
		consumer=./test/cluster/consumer

.PHONY: build-installer
build-installer: controlplane manifests ## Write all manifests, with the image IMG, into dist/install.yaml.
	hack/render.sh '$(KUBECTL)' '$(IMG)' dist/install.yaml '$(CONFIG)'

.PHONY: clean
clean: ## Remove what build and build-installer made; the tools and the control plane stay.
	rm -rf dist bin/manager bin/pam-simulator bin/pam-demo

##@ Deployment

.PHONY: install
install: controlplane manifests ## Install the CRDs into the cluster of KUBECONFIG.
	'$(KUBECTL)' apply --server-side -k config/crd

.PHONY: uninstall
uninstall: controlplane ## Remove the CRDs, and with them every object of theirs.
	'$(KUBECTL)' delete --ignore-not-found -k config/crd

.PHONY: deploy
deploy: build-installer ## Install what CONFIG says (config/default: everything) with the image IMG.
	'$(KUBECTL)' apply --server-side -f dist/install.yaml

.PHONY: undeploy
undeploy: build-installer ## Remove CRDs and manager.
	'$(KUBECTL)' delete --ignore-not-found -f dist/install.yaml

# build-tool NAME,PACKAGE: builds one tool and forgets its older versions.
define build-tool
	@echo 'building $(1) (once, $(2))' >&2
	@rm -f bin/$(1)-*
	@GOWORK=off GOFLAGS=-mod=readonly go -C hack/tools build -buildvcs=false -trimpath -o ../../$@ $(2)
endef

$(CONTROLLER_GEN):
	$(call build-tool,controller-gen,sigs.k8s.io/controller-tools/cmd/controller-gen)
$(CRD_REF_DOCS):
	$(call build-tool,crd-ref-docs,github.com/elastic/crd-ref-docs)
$(GOLANGCI_LINT):
	$(call build-tool,golangci-lint,sigs.k8s.io/kube-api-linter/cmd/golangci-lint-kube-api-linter)
