ARG PYTHON_IMAGE=python:3.13-slim
FROM ${PYTHON_IMAGE}

# Hashes and wheels only, as in the other images. This layer is rebuilt only when a lock changes.
COPY build.lock docker/worker.lock /tmp/
RUN python -m venv /opt/worker \
    && /opt/worker/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r /tmp/build.lock \
    && /opt/worker/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r /tmp/worker.lock \
    && rm /tmp/*.lock

# In a folder with its pyproject.toml, the program has the name that it has in a clone: one study, one program.
COPY . /app
RUN /opt/worker/bin/pip install --no-cache-dir --no-deps --no-build-isolation --editable /app --editable /app/trainer_pkg \
    && /opt/worker/bin/python -m compileall -q /app/sweeps /app/trainer_pkg

# The folder exists with its owner before a volume is mounted on it, so that the volume takes the owner over.
RUN useradd --uid 10001 --create-home worker && install -d -o worker -g worker /work
ENV PATH=/opt/worker/bin:$PATH
USER 10001:10001
# The only writable folders are volumes: /work for studies and data, /tmp for as long as the container runs.
ENV HOME=/tmp
WORKDIR /work
ENTRYPOINT ["/app/docker/worker-entrypoint"]
