# The image of profiles/kubernetes and profiles/aws-batch: what the pipeline needs, at the versions of
# requirements.lock, and the executors' plugins.
#   docker build -t registry.example.org/vaepipe:0.1.0 . && docker push registry.example.org/vaepipe:0.1.0
FROM python:3.11-slim-bookworm

RUN apt-get update -q \
    && apt-get install -qy --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/vaepipe
COPY requirements.lock requirements-dev.lock pyproject.toml README.md LICENSE ./
COPY src src
# The lock of development has the versions of the plugins as well, and of all that they need.
RUN pip install --no-cache-dir --requirement requirements.lock \
    && pip install --no-cache-dir --constraint requirements-dev.lock '.[s3,postgresql,kubernetes,aws-batch]'
