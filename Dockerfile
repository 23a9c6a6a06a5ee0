# One image, two commands: sluice-operator and sluice-ingester.
# BASE is any image with Python 3.11 or newer and its venv module.
ARG BASE=docker.io/library/python:3.13-slim

FROM ${BASE} AS build
# A build behind a proxy names its CA bundle here; it must exist in the build container.
ARG SSL_CERT_FILE
ARG UV_VERSION=0.13.9
ENV UV_PROJECT_ENVIRONMENT=/opt/sluice UV_COMPILE_BYTECODE=1 UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never
# The modules that handle each frame are compiled: see hatch_build.py.
RUN apt-get update -qq && apt-get install -qq --yes --no-install-recommends gcc libc6-dev python3-dev >/dev/null
RUN python3 -m venv /opt/uv && /opt/uv/bin/pip install --quiet --no-cache-dir uv==${UV_VERSION}
WORKDIR /src
# The dependencies change seldom: a layer of their own.
COPY pyproject.toml uv.lock ./
RUN /opt/uv/bin/uv sync --frozen --no-dev --no-install-project
COPY README.md LICENSE hatch_build.py ./
COPY operator operator
COPY ingester ingester
RUN /opt/uv/bin/uv sync --frozen --no-dev --no-editable \
    && ! /opt/sluice/bin/sluice-ingester --version | grep "not compiled"

FROM ${BASE}
LABEL org.opencontainers.image.title="sluice" \
      org.opencontainers.image.description="Streams AT Protocol relays into Redis Streams and loses nothing." \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/sluice /opt/sluice
# One malloc arena: the processes have one busy thread, and more arenas only hold on to memory.
ENV PATH=/opt/sluice/bin:/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 MALLOC_ARENA_MAX=1
USER 65532:65532
CMD ["sluice-operator"]
