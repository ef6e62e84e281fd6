"""Brings MLflow's tables to this version, and gives the administrator of its login today's password."""

import os
import subprocess
import sys
from importlib.metadata import version

import psycopg2

STORE = "postgresql+psycopg2://mlflow@postgres:5432/mlflow"


def connect() -> "psycopg2.extensions.connection":
    """A connection; where there is none, one line and the end."""
    try:
        return psycopg2.connect(host="postgres", user="mlflow", dbname="mlflow", connect_timeout=10)
    except psycopg2.OperationalError as error:
        sys.exit(f"MLflow's database cannot be opened: {' '.join(str(error).split())}")


def set_administrator() -> None:
    """MLflow reads the administrator's password at its first start only; here it becomes that of .env."""
    from mlflow.server.auth.config import read_auth_config
    from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore

    config, store = read_auth_config(), SqlAlchemyStore()
    store.init_db(config.database_uri)
    name, password = config.admin_username or "", config.admin_password or ""
    if not store.has_user(name):
        store.create_user(name, password, is_admin=True)
    elif not store.authenticate_user(name, password):
        store.update_user(name, password=password)


def main() -> None:
    """Migrate, and leave a note of it for docker/postgres/dump: the same version changes nothing again."""
    connect().close()
    subprocess.run(["mlflow", "db", "upgrade", STORE], check=True)
    if os.environ.get("MLFLOW_AUTH_ADMIN_PASSWORD"):
        set_administrator()
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("COMMENT ON DATABASE mlflow IS %s", (f"migrated by MLflow {version('mlflow')}",))


if __name__ == "__main__":
    main()
