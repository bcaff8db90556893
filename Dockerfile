# SPDX-License-Identifier: Apache-2.0
#
# The images, for a container engine; `make image` builds the same ones without an engine (hack/image). `make
# docker-build` builds the manager's image for the engine's own platform; with buildx the compiler runs on the building
# machine and cross-compiles for --platform.
#
# To use a mirror, set GO_IMAGE or BASE_IMAGE. The defaults are stages, because Dependabot updates only FROM lines.
ARG GO_IMAGE=default-go
ARG BASE_IMAGE=default-base
FROM --platform=${BUILDPLATFORM} docker.io/library/golang:1.26.8@sha256:3c3e25a4da13fd0478eed2df1eb35a0e667094a7124d3993a6a1d30f71c17e79 AS default-go
FROM gcr.io/distroless/static-debian12:nonroot@sha256:d093aa3e30dbadd3efe1310db061a14da60299baff8450a17fe0ccc514a16639 AS default-base

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
COPY config/crd/ config/crd/
COPY internal/ internal/
ARG REVISION=unknown
RUN CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} \
    go build -buildvcs=false -trimpath -ldflags "-s -w -X main.version=${VERSION} -X main.revision=${REVISION}" -o /manager ./cmd

FROM build AS simulator-build
RUN CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} \
    go build -buildvcs=false -trimpath -ldflags "-s -w -X main.version=${VERSION} -X main.revision=${REVISION}" -o / ./cmd/pam-simulator

FROM simulator-build AS test-build
COPY test/cluster/consumer/ test/cluster/consumer/
RUN CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} \
    go build -buildvcs=false -trimpath -ldflags "-s -w -X main.version=${VERSION} -X main.revision=${REVISION}" -o / ./test/cluster/consumer
RUN CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} \
    go build -buildvcs=false -trimpath -ldflags "-s -w -X main.version=${VERSION} -X main.revision=${REVISION}" -o / ./cmd/kubectl-pam

FROM build AS kubectl-pam-build
RUN CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} \
    go build -buildvcs=false -trimpath -ldflags "-s -w -X main.version=${VERSION} -X main.revision=${REVISION}" -o / ./cmd/kubectl-pam

# What make test-cluster runs: the same manager, with the simulated appliances, the plugin and a program that uses a
# session.
FROM ${BASE_IMAGE} AS test
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="pam-operator-test" \
      org.opencontainers.image.description="The manager, the simulator, the plugin and a consumer for the tests of pam-operator on a cluster" \
      org.opencontainers.image.source="https://github.com/pam-operator/pam-operator" \
      org.opencontainers.image.documentation="https://github.com/pam-operator/pam-operator/tree/main/docs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=test-build /manager /pam-simulator /kubectl-pam /consumer /
USER 65532:65532
ENTRYPOINT ["/manager"]

# The simulated appliances, to try the operator without an appliance.
FROM ${BASE_IMAGE} AS simulator
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="pam-simulator" \
      org.opencontainers.image.description="Simulated appliances for trying out and testing pam-operator" \
      org.opencontainers.image.source="https://github.com/pam-operator/pam-operator" \
      org.opencontainers.image.documentation="https://github.com/pam-operator/pam-operator/tree/main/docs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=simulator-build /pam-simulator /pam-simulator
USER 65532:65532
ENTRYPOINT ["/pam-simulator"]

# The plugin alone. It is static: a Job's image can copy it from here.
FROM ${BASE_IMAGE} AS kubectl-pam
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="kubectl-pam" \
      org.opencontainers.image.description="The plugin kubectl pam, for Jobs that request their own privileged sessions" \
      org.opencontainers.image.source="https://github.com/pam-operator/pam-operator" \
      org.opencontainers.image.documentation="https://github.com/pam-operator/pam-operator/tree/main/docs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=kubectl-pam-build /kubectl-pam /kubectl-pam
USER 65532:65532
ENTRYPOINT ["/kubectl-pam"]

# The image, which has the manager and nothing else. It is the last stage, so the default one.
FROM ${BASE_IMAGE} AS manager
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="pam-operator" \
      org.opencontainers.image.description="Kubernetes operator for privileged access management appliances" \
      org.opencontainers.image.source="https://github.com/pam-operator/pam-operator" \
      org.opencontainers.image.documentation="https://github.com/pam-operator/pam-operator/tree/main/docs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /manager /manager
# The number of the user "nonroot": Kubernetes checks runAsNonRoot by number only.
USER 65532:65532
ENTRYPOINT ["/manager"]
