# Debian's Redis, to be used like the official image: any command, any user, data in /data.
ARG BASE=docker.io/library/debian:bookworm-slim
FROM ${BASE}
RUN apt-get update --quiet \
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends redis-server \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin \
 && mkdir --mode=0777 /data
COPY redis-server /usr/local/bin/redis-server
WORKDIR /data
USER 999:999
EXPOSE 6379
CMD ["redis-server"]
