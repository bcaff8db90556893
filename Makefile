# SPDX-License-Identifier: Apache-2.0
#
# Needs only Go, make, git and bash: every other tool is built from a go.sum in hack/.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-builtin-rules

# The version of the image, and the one that the binaries report.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
IMG ?= controller:$(VERSION)
# The digest of the released image, such as sha256:…, for the chart.
IMAGE_DIGEST ?=
# Which image `make image` builds: manager, simulator, kubectl-pam or test.
TARGET ?= manager
# What to install: config/default or config/namespaced.
CONFIG ?= config/default
TESTFLAGS ?=
# A number of runs, because a time limit can expire during a run, which go test then reports as a failure.
FUZZTIME ?= 10000x
DEMO_ARGS ?=
# The lease of an installed manager: a manager started here waits while that one leads.
RUN_ARGS ?= --leader-election-namespace=pam-operator-system
BENCH_ARGS ?=

REVISION ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
GO_BUILD = go build -buildvcs=false -trimpath -ldflags '-X main.version=$(VERSION) -X main.revision=$(REVISION)'

# The race detector needs a C compiler; continuous integration uses it if there is one.
ifeq ($(CI)$(shell go env CGO_ENABLED),true1)
RACE := -race
endif
# The specs mostly wait for timers, so other packages run beside them; under the race detector they mostly compute.
TEST_JOBS := $(if $(RACE),1,2)

# A tool's name contains a checksum of its inputs, so it is built once, and again when they change.
tool-sum = $(shell { go env GOVERSION GOARCH; cat $(1)/go.mod $(1)/go.sum; } | cksum | cut -d' ' -f1)
TOOLS_SUM := $(call tool-sum,hack/tools)
CONTROLLER_GEN := bin/controller-gen-$(TOOLS_SUM)
CRD_REF_DOCS := bin/crd-ref-docs-$(TOOLS_SUM)
GOLANGCI_LINT := bin/golangci-lint-$(TOOLS_SUM)
HELM_DOCS := bin/chart-docs-$(TOOLS_SUM)

# Assembles images, and pushes them.
CRANE_SUM := $(call tool-sum,hack/image)
CRANE := bin/crane-$(CRANE_SUM)

# Two versions of Helm, which users have. The tests of the chart use them, and find them in bin/ without these variables.
HELM_SUM := $(call tool-sum,hack/helm)
HELM := bin/helm-$(HELM_SUM)
HELM3 := bin/helm3-$(HELM_SUM)

# Checks the alerts and runs their tests.
PROMTOOL_SUM := $(call tool-sum,hack/prometheus)
PROMTOOL := bin/promtool-$(PROMTOOL_SUM)

# etcd, kube-apiserver, kube-controller-manager and kubectl. Set KUBEBUILDER_ASSETS to use your own.
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
generate: $(CONTROLLER_GEN) ## Generate the deepcopy code of the API types.
	$(CONTROLLER_GEN) object:headerFile=hack/boilerplate.go.txt paths=./api/...

.PHONY: manifests
manifests: $(CONTROLLER_GEN) $(CRD_REF_DOCS) $(HELM_DOCS) ## Generate CRDs, roles, pages, argocd-cm.yaml, and the chart's copies.
	$(CONTROLLER_GEN) crd rbac:roleName=manager-role paths=./api/... paths=./internal/controller/... \
		output:crd:artifacts:config=config/crd/bases output:rbac:artifacts:config=config/rbac
	mkdir -p docs
	$(CRD_REF_DOCS) --source-path=api --config=hack/crd-ref-docs.yaml --log-level=ERROR --renderer=markdown --output-path=docs/api.md
	go run ./hack/metrics >docs/metrics.md
	hack/alerts.sh >config/prometheus/rule.yaml
	go run ./hack/clidoc docs/cli.md
	HELM_DOCS=$(HELM_DOCS) hack/chart.sh
	hack/argocd.sh >config/argocd/argocd-cm.yaml

.PHONY: fmt
fmt: ## Format the Go code.
	gofmt -s -w .

# The modules with code of ours; the others only pin tools.
CODE := . hack/image hack/prometheus test/bench

.PHONY: vet
vet: ## Run go vet.
	for module in $(CODE); do go -C $$module vet ./...; done

.PHONY: tidy
tidy: ## Tidy all Go modules.
	for module in . hack/*/go.mod test/bench; do go -C $${module%go.mod} mod tidy; done

.PHONY: lint
lint: $(GOLANGCI_LINT) ## Run the linters, including the Kubernetes API linter.
	for module in $(CODE); do (cd $$module && '$(CURDIR)/$(GOLANGCI_LINT)' run); done

.PHONY: lint-fix
lint-fix: $(GOLANGCI_LINT) ## Run the linters and apply their fixes.
	for module in $(CODE); do (cd $$module && '$(CURDIR)/$(GOLANGCI_LINT)' run --fix); done

.PHONY: verify
verify: ## Fail if generated files, formatting or go.mod files are out of date; then lint.
	hack/verify.sh $(MAKE) --no-print-directory generate manifests tidy fmt
	$(MAKE) --no-print-directory vet lint

##@ Test

.PHONY: test
ifeq ($(TESTFLAGS),)
test: controlplane helm $(PROMTOOL) build ## Run all tests; TESTFLAGS="-run X -v" is passed on, CI=true turns the race detector on.
	$(MAKE) --no-print-directory --keep-going --jobs=$(TEST_JOBS) test-specs test-packages
else
test: controlplane helm build
	go test $(RACE) -timeout 45m $(TESTFLAGS) ./...
endif

# The controllers' specs mostly wait, so they run in several processes, each with its own control plane.
SPECS := ./internal/controller

.PHONY: test-specs test-packages
test-specs:
	go tool ginkgo run --procs=4 --no-color --succinct $(RACE) --timeout=45m $(SPECS)
test-packages:
	packages=$$(go list ./... | grep -v '$(SPECS:.%=%)$$'); go test $(RACE) -timeout 45m $$packages
	go -C test/bench test ./...
	$(MAKE) --no-print-directory test-alerts

.PHONY: test-alerts
test-alerts: $(PROMTOOL) ## Check alerts and dashboard, and run the tests of the alerts.
	$(PROMTOOL) check rules --lint=all --lint-fatal config/prometheus/alerts.yaml
	$(PROMTOOL) test rules config/prometheus/tests/*.yaml
	go -C hack/prometheus test ./...

.PHONY: examples
examples: controlplane manifests ## Record what the operator says of each state that has no example, and what GitOps tools make of it.
	go tool ginkgo run --procs=4 --no-color --succinct --timeout=45m $(SPECS) -- -record
	go test ./test/gitops -update

.PHONY: test-e2e
test-e2e: controlplane build ## Run the built binaries on the test control plane.
	go test $(RACE) -timeout 45m $(TESTFLAGS) ./test/e2e/...

.PHONY: test-cluster
test-cluster: controlplane helm ## Install the chart in the cluster of KUBECONFIG and test what needs nodes; IMG is of TARGET=test.
	@: "$${KUBECONFIG:?must name the cluster to use}"
	KUBECONFIG="$$(realpath -- "$$KUBECONFIG")" IMG='$(IMG)' HELM='$(HELM)' go test -tags cluster -count=1 -v -timeout 60m $(TESTFLAGS) ./test/cluster

.PHONY: bench
bench: controlplane build ## Measure the limits against the simulators; BENCH_ARGS="--only idle" selects scenarios.
	go -C test/bench run . --root='$(CURDIR)' $(BENCH_ARGS)

.PHONY: fuzz
fuzz: ## Run each fuzz test for FUZZTIME (10000x means 10,000 inputs).
	hack/fuzz.sh '$(FUZZTIME)'

.PHONY: controlplane
controlplane: ## Build etcd, kube-apiserver, kube-controller-manager and kubectl into bin/k8s, once.
	@[[ '$(KUBEBUILDER_ASSETS)' != '$(CURDIR)/bin/k8s' ]] || hack/controlplane/build.sh bin/k8s

.PHONY: helm
helm: $(HELM) $(HELM3) ## Build Helm 4 and Helm 3 into bin/, once.

.PHONY: test-chart
test-chart: controlplane helm build ## Run the tests of the Helm chart.
	go test $(RACE) -timeout 45m $(TESTFLAGS) ./test/chart

##@ Build

.PHONY: build
build: ## Build the manager, the plugin of kubectl, the simulator and the demo into bin/.
	$(GO_BUILD) -o bin/manager ./cmd
	$(GO_BUILD) -o bin/ ./cmd/kubectl-pam ./cmd/pam-simulator ./cmd/pam-demo

.PHONY: run
run: ## Run the manager locally on the cluster of KUBECONFIG; RUN_ARGS=--leader-elect=false if none is installed.
	go run ./cmd $(RUN_ARGS)

.PHONY: demo
demo: controlplane build ## Run control plane, simulators, manager and samples; DEMO_ARGS=--once stops when all is ready.
	bin/pam-demo $(DEMO_ARGS)

.PHONY: image
image: $(CRANE) ## Build the image IMG of TARGET, for amd64 and arm64, without an engine: dist/oci/TARGET and a tar.
	CRANE=$(CRANE) VERSION='$(VERSION)' REVISION='$(REVISION)' hack/image/build.sh '$(TARGET)' '$(IMG)' 'dist/oci/$(TARGET)'

.PHONY: push
push: $(CRANE) ## Push what image has built to the registry of IMG.
	$(CRANE) push 'dist/oci/$(TARGET)' '$(IMG)'

.PHONY: build-installer
build-installer: controlplane manifests ## Write all manifests, with the image IMG, to dist/install.yaml.
	VERSION='$(VERSION)' hack/render.sh '$(KUBECTL)' '$(IMG)' dist/install.yaml '$(CONFIG)'

.PHONY: release
release: ## Build all files of the release VERSION into dist/release, without publishing them; see RELEASE.md.
	KUBECTL='$(wildcard $(KUBECTL))' HELM='$(wildcard $(HELM))' hack/release.sh '$(VERSION)'

.PHONY: chart
chart: $(HELM) manifests ## Package the Helm chart into dist/, with VERSION if that is v and a semantic version.
	HELM='$(HELM)' hack/package-chart.sh '$(VERSION)' '$(IMAGE_DIGEST)'

.PHONY: clean
clean: ## Remove the output of build and build-installer, but not the tools and the control plane.
	rm -rf dist bin/manager bin/kubectl-pam bin/pam-simulator bin/pam-demo

##@ Deployment

.PHONY: install
install: controlplane manifests ## Install the CRDs into the cluster of KUBECONFIG.
	'$(KUBECTL)' apply --server-side -k config/crd

# What RELEASE and TIMEOUT mean is in hack/uninstall.sh and docs/uninstall.md.
export RELEASE TIMEOUT

.PHONY: uninstall
uninstall: controlplane ## Remove the CRDs; refused while objects are in use, unless RELEASE=orphan or RELEASE=delete.
	hack/uninstall.sh '$(KUBECTL)' 'make uninstall' -k config/crd

.PHONY: deploy
deploy: build-installer ## Install CONFIG (config/default: everything) with the image IMG.
	'$(KUBECTL)' apply --server-side -f dist/install.yaml

.PHONY: undeploy
undeploy: build-installer ## Remove objects, manager and CRDs; refused like uninstall, with the same RELEASE.
	hack/uninstall.sh '$(KUBECTL)' 'make undeploy' -f dist/install.yaml

# build-tool NAME,PACKAGE,MODULE,FLAGS: builds one tool and removes its older versions.
define build-tool
	@echo 'building $(1) (once, $(2))' >&2
	@rm -f bin/$(1)-*
	@GOWORK=off GOFLAGS=-mod=readonly go -C $(3) build -buildvcs=false -trimpath $(4) -o ../../$@ $(2)
endef

$(CONTROLLER_GEN):
	$(call build-tool,controller-gen,sigs.k8s.io/controller-tools/cmd/controller-gen,hack/tools)
$(CRD_REF_DOCS):
	$(call build-tool,crd-ref-docs,github.com/elastic/crd-ref-docs,hack/tools)
$(HELM_DOCS):
	$(call build-tool,chart-docs,github.com/norwoodj/helm-docs/cmd/helm-docs,hack/tools)
$(GOLANGCI_LINT):
	$(call build-tool,golangci-lint,sigs.k8s.io/kube-api-linter/cmd/golangci-lint-kube-api-linter,hack/tools)
$(CRANE):
	$(call build-tool,crane,github.com/google/go-containerregistry/cmd/crane,hack/image)
$(HELM):
	$(call build-tool,helm,helm.sh/helm/v4/cmd/helm,hack/helm)
$(HELM3):
	$(call build-tool,helm3,helm.sh/helm/v3/cmd/helm,hack/helm)
# Without the clients of all clouds, in which Prometheus can look for targets.
$(PROMTOOL):
	$(call build-tool,promtool,github.com/prometheus/prometheus/cmd/promtool,hack/prometheus,-tags remove_all_sd)
