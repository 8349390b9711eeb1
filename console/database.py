"""`ferd migrate`: the database's tables, made or brought up to date."""

from sqlalchemy.exc import DBAPIError

from console.shell import Failure
from settings import Settings
from store.migrate import upgrade


def migrate(settings: Settings) -> None:
    """Bring the tables up to date. Raises Failure if the database cannot be used."""
    try:
        upgrade(settings.database_url.get_secret_value())
    except DBAPIError as error:
        why = str(error.orig).strip().splitlines()[0]
        remedy = "Check FERD_DATABASE_URL, and that the server runs and lets you in."
        raise Failure(f"The database cannot be used: {why}", remedy) from error
