# SPDX-License-Identifier: Apache-2.0
#
# The image of the manager. `make docker-build` builds it for the engine's own platform; with buildx the compiler runs
# on the building machine and cross-compiles for --platform.
ARG GO_IMAGE=docker.io/library/golang:1.26.8
ARG BASE_IMAGE=gcr.io/distroless/static-debian12:nonroot

FROM --platform=${BUILDPLATFORM} ${GO_IMAGE} AS build
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=dev
WORKDIR /src

# The modules first: they change less often than the sources, and their layer is kept.
COPY go.mod go.sum ./
RUN go mod download

COPY api/ api/
COPY cmd/ cmd/
COPY internal/ internal/
RUN CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} \
    go build -buildvcs=false -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /manager ./cmd

# What make test-cluster runs: the same manager, with the simulated appliances and a program that uses a session. It is
# built for --target test only.
FROM build AS test-build
COPY test/cluster/consumer/ test/cluster/consumer/
RUN CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} \
    go build -buildvcs=false -trimpath -ldflags "-s -w" -o / ./cmd/pam-simulator ./test/cluster/consumer

FROM ${BASE_IMAGE} AS test
COPY --from=test-build /manager /pam-simulator /consumer /
USER 65532:65532
ENTRYPOINT ["/manager"]

# The image, which has the manager and nothing else.
FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="pam-operator" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /manager /manager
# The number of the user "nonroot": Kubernetes checks runAsNonRoot by number only.
USER 65532:65532
ENTRYPOINT ["/manager"]
