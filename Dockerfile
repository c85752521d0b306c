# syntax=docker/dockerfile:1

# The image holds one static binary, the CA bundle (for --redis and key sets over TLS)
# and an empty /data that its user owns. deploy/image-check.sh does the same by hand.

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
ARG TARGETOS TARGETARCH VERSION
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags="-s -w -X main.linked=$VERSION" -o /root-fs/whippet ./cmd/whippet
RUN mkdir -p -m 0700 /root-fs/data && mkdir -p /root-fs/etc/ssl/certs && \
    cp /etc/ssl/certs/ca-certificates.crt /root-fs/etc/ssl/certs/ && \
    chown 65532:65532 /root-fs/data

FROM scratch
COPY --from=build /root-fs/ /
USER 65532:65532
ENV WHIPPET_DATA=/data \
    WHIPPET_ADMIN=:9090
VOLUME /data
# HTTP and ICE-TCP; all media; metrics and health.
EXPOSE 8080/tcp 8080/udp 9090/tcp
HEALTHCHECK --interval=10s --timeout=6s --start-period=5s CMD ["/whippet", "health"]
ENTRYPOINT ["/whippet"]
