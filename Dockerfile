# The desk in a container that may write to /data alone:
#   docker build --tag servicedesk .
#   docker run --read-only --cap-drop ALL --publish 127.0.0.1:8080:8080 --volume desk:/data servicedesk

FROM python:3.11-slim-bookworm AS build
RUN apt-get update -qq \
 && apt-get install -y -qq --no-install-recommends build-essential npm systemd zlib1g-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Makefile pyproject.toml setup.cfg README.md LICENSE ./
COPY packaging packaging
COPY servicedesk servicedesk
COPY static static
COPY templates templates
RUN make binary && mkdir /image && dist/servicedesk install-service --root /image && install -d -m 0700 /image/data

FROM debian:bookworm-slim
COPY --from=build /image/opt/servicedesk /opt/servicedesk
COPY --from=build --chown=10001:10001 /image/data /data
# What is put aside for a moment goes where there is room and the right to write.
# Whoever publishes the port decides who reaches it: name the proxy in SERVICEDESK_TRUSTED_PROXIES, or keep it local.
ENV SERVICEDESK_DATA_DIR=/data SERVICEDESK_HOST=0.0.0.0 SERVICEDESK_PORT=8080 SERVICEDESK_INSECURE=yes TMPDIR=/data
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=12s --start-period=60s CMD ["/opt/servicedesk/current/servicedesk", "healthy"]
ENTRYPOINT ["/opt/servicedesk/current/servicedesk"]
CMD ["serve"]
