# syntax=docker/dockerfile:1.7
# escape=\
ARG REGISTRY=registry.example.com:5000
ARG GO_VERSION=1.22
ARG VARIANT=${GO_VERSION%.*}

FROM --platform=$BUILDPLATFORM ${REGISTRY}/golang:${GO_VERSION}-alpine AS Build
WORKDIR /src
RUN --mount=type=cache,target=/root/.cache \
    # a comment inside a continuation
    --mount=type=bind,from=tools/lint:2,target=/lint \
    go build -o /out/app \
FROM-flag ./...
COPY <<EOF /out/config
FROM not-an-image
ARG NOT=used
EOF

FROM debian:bookworm AS unused
COPY --from=never/needed:1 / /

FROM ${REGISTRY}/base/distroless:static AS runtime
COPY --from=build /out /app
COPY --from=docker.io/library/busybox:1.36 /bin/busybox /bin/busybox
ENTRYPOINT ["/app/app"]
