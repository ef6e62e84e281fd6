#!/bin/sh
# Runs once, on an empty volume: one database and one role for MLflow, one for the studies.
set -eu
create() {
  psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    -v name="$1" -v password="$(cat "$2")" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name";
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
}
create mlflow /run/secrets/mlflow_db_password
create sweeps /run/secrets/study_db_password
