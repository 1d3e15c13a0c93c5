# Two images of one source: `research` works at night, `executor` trades by day and has none of the
# research packages. Build: docker build --target executor -t nocturne-executor .
# For a build that never changes, give the digest of the base: --build-arg BASE=python@sha256:...
ARG BASE=python:3.12-slim-bookworm

FROM ${BASE} AS base
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    DO_NOT_TRACK=1 \
    PREFECT_SERVER_ANALYTICS_ENABLED=false \
    GX_ANALYTICS_ENABLED=false
RUN groupadd --gid 10001 nocturne \
    && useradd --uid 10001 --gid nocturne --home-dir /data --no-create-home nocturne \
    && mkdir -p /data/data_lake /data/state /data/cache /data/config \
    && chown -R nocturne:nocturne /data
WORKDIR /opt/nocturne

FROM base AS source
COPY pyproject.toml README.md LICENSE prefect.yaml requirements.lock ./
COPY cli ./cli
COPY config ./config
COPY dashboard ./dashboard
COPY data_lake ./data_lake
COPY executor ./executor
COPY flows ./flows
COPY lake ./lake
COPY nocturne ./nocturne
COPY sandbox ./sandbox
COPY sql ./sql
COPY trading ./trading
COPY web ./web

FROM source AS executor
# Versions are those of the lock; what only research needs is not installed.
RUN pip install --constraint requirements.lock . && rm -rf build
USER 10001:10001
WORKDIR /data
VOLUME ["/data/data_lake", "/data/state"]
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["nocturne", "executor", "health", "--settings", "/data/config/settings.toml"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["nocturne"]
CMD ["executor", "run", "--settings", "/data/config/settings.toml"]

FROM source AS research
# LightGBM loads the OpenMP runtime, which the slim image lacks; any version of the release will do.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/*
RUN pip install --constraint requirements.lock --editable ".[research]"
ENV NOCTURNE_CACHE=/data/cache \
    NOCTURNE_RESEARCH_LAKE=/data/data_lake \
    NOCTURNE_RESEARCH_LEDGER=/data/state/ledger.sqlite \
    NOCTURNE_RESEARCH_WORK=/data/cache/work \
    PREFECT_HOME=/data/cache/prefect
USER 10001:10001
VOLUME ["/data/data_lake", "/data/cache"]
HEALTHCHECK --interval=60s --timeout=20s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(os.environ['PREFECT_API_URL'] + '/health', timeout=10)"]
STOPSIGNAL SIGTERM
CMD ["prefect", "worker", "start", "--pool", "nocturne", "--type", "process"]
