"""The URL of a Redis: checked, and shown, without ever giving away its password."""

from typing import Final
from urllib.parse import urlsplit

_ALLOWED: Final = (
    "redis://[[user]:password@]host[:port][/database], rediss:// in its stead for TLS, or unix:///path "
    "(the characters / # ? @ of a password are written %2F %23 %3F %40)"
)


def check(url: str) -> None:
    """ValueError, which quotes nothing of `url`, if it can't be the URL of a Redis."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(f"it can't be read as a URL: give {_ALLOWED}") from None
    if parts.scheme not in {"redis", "rediss", "unix"}:
        raise ValueError(f"give {_ALLOWED}")
    if parts.scheme == "unix":
        if not parts.path:
            raise ValueError(f"it has no path: give {_ALLOWED}")
        return
    if not parts.hostname or port == 0 or parts.fragment:
        raise ValueError(f"it has no host, or more than belongs there: give {_ALLOWED}")
    database = parts.path.strip("/")
    if database and not (database.isascii() and database.isdigit()):
        raise ValueError(f"its path is not the number of a database: give {_ALLOWED}")


def masked(url: str) -> str:
    """A checked `url` as it may be shown: without user, password and options."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
