# The house in a container: not root, one volume, healthy when it answers.
#
#   docker build -t tokenhouse .
#   docker run -p 8080:8080 -v tokenhouse:/data tokenhouse
#
# EXTRAS="" leaves the embedded engine out (a gateway to other providers only).

FROM python:3.12-slim AS build
ARG EXTRAS="[engine]"
WORKDIR /build
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY src ./src
RUN python -m venv /opt/tokenhouse \
 && /opt/tokenhouse/bin/pip install --no-cache-dir --no-compile ".${EXTRAS}" \
 && /opt/tokenhouse/bin/pip uninstall --yes pip

FROM python:3.12-slim
# llama.cpp's threads are OpenMP's.
RUN apt-get update \
 && apt-get install -y --no-install-recommends libgomp1 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --user-group --home-dir /data --no-create-home tokenhouse \
 && install -d -m 0700 -o tokenhouse -g tokenhouse /data
COPY --from=build /opt/tokenhouse /opt/tokenhouse
ENV PATH=/opt/tokenhouse/bin:$PATH \
    TOKENHOUSE_DATA=/data \
    PYTHONUNBUFFERED=1
USER tokenhouse
VOLUME /data
EXPOSE 8080
# A house that is told to stop finishes its streams first: give it `docker stop --time 40`.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/health', timeout=4)"]
ENTRYPOINT ["tokenhouse"]
CMD ["serve", "--host", "0.0.0.0"]
