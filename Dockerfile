# agora as a container: docker build -t agora .
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG RELEASE=container
RUN go build -trimpath -tags sqlite_fts5 -ldflags "-X main.release=$RELEASE" -o /agora ./cmd/agora

# The C library that it was linked against, and nothing else.
FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --no-create-home agora \
 && install -d -o agora -m 0700 /var/lib/agora
COPY --from=build /agora /usr/local/bin/agora
USER agora
VOLUME /var/lib/agora
ENV AGORA_DATA=/var/lib/agora AGORA_LISTEN=:8080 AGORA_LOG_FORMAT=json
EXPOSE 8080
# SIGTERM, which Docker sends, ends agora in order.
ENTRYPOINT ["agora"]
CMD ["serve"]
# There is no program for HTTP in the image, and bash does.
HEALTHCHECK --interval=2s --timeout=2s --start-period=30s --retries=3 CMD ["bash", "-c", \
  "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
