FROM python:3.13-slim

# Hashes and wheels only: nothing is built, and nothing but what the lock names is installed.
COPY requirements.lock /tmp/requirements.lock
RUN python -m venv /opt/mlflow \
    && /opt/mlflow/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r /tmp/requirements.lock \
    && rm /tmp/requirements.lock

# The folder exists with its owner before a volume is mounted on it, so that the volume takes the owner over.
RUN useradd --uid 10001 --create-home mlflow && install -d -o mlflow -g mlflow /mlartifacts
ENV PATH=/opt/mlflow/bin:$PATH
USER 10001:10001
# The only folder that compose leaves writable, and that for as long as the container runs.
ENV HOME=/tmp
WORKDIR /tmp
COPY --chmod=0555 mlflow-entrypoint /usr/local/bin/mlflow-entrypoint
ENTRYPOINT ["mlflow-entrypoint"]
CMD ["server"]
