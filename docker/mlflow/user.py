"""Makes a user of MLflow's login, or gives one a new password, and prints what that user sets."""

import secrets
import sys

from mlflow.server.auth.config import read_auth_config
from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore


def main(name: str) -> None:
    """Make the user."""
    store, password = SqlAlchemyStore(), secrets.token_hex(16)
    store.init_db(read_auth_config().database_uri)
    if store.has_user(name):
        store.update_user(name, password=password)
    else:
        store.create_user(name, password)
    print(f"export MLFLOW_TRACKING_USERNAME={name}\nexport MLFLOW_TRACKING_PASSWORD={password}")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1])
