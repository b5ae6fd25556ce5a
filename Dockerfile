FROM python:3.13-slim AS build
WORKDIR /src
RUN python -m venv /opt/paperboy
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY bot bot
COPY config config
COPY seeds seeds
COPY tools/description.py tools/
RUN /opt/paperboy/bin/pip install --no-cache-dir --disable-pip-version-check -c constraints.txt '.[postgresql]'

FROM python:3.13-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin paperboy \
    && mkdir -p /app/config /app/seeds /app/state \
    && chown paperboy:paperboy /app/state
COPY --from=build /opt/paperboy /opt/paperboy
COPY config /app/config
COPY seeds /app/seeds
# 127.0.0.1 cannot be reached from outside the container; the host decides which of its addresses lead here.
ENV PATH=/opt/paperboy/bin:$PATH PYTHONUNBUFFERED=1 PAPERBOY_LISTEN=0.0.0.0:8080
WORKDIR /app
USER paperboy
VOLUME ["/app/config", "/app/seeds", "/app/state"]
EXPOSE 8080
HEALTHCHECK --interval=60s --timeout=15s --start-period=30s CMD ["paperboy", "status", "--alive"]
ENTRYPOINT ["paperboy"]
CMD ["run"]
