"""`sluice-ingester`, `python -m sluice_ingester`: the command."""

import argparse
import asyncio
import logging
import os
import sys

from sluice_common import logs
from sluice_ingester import app, malloc, settings


def main() -> None:
    """Run the ingester: 0 when told to stop, 2 if a setting is wrong, 1 for a fault of its own."""
    parser = argparse.ArgumentParser(
        prog="sluice-ingester",
        description="Streams AT Protocol sources into Redis Streams. All settings are environment variables.",
    )
    parser.add_argument("--version", action="version", version=f"sluice-ingester {app.VERSION}")
    parser.parse_args()
    try:
        chosen = settings.load()
        malloc.configure_malloc()
        logs.configure(style=chosen.log_format, level=chosen.log_level)
        asyncio.new_event_loop().run_until_complete(app.run(chosen))
        status = 0
    except settings.SettingsError as error:
        print(f"sluice-ingester: {error}", file=sys.stderr)
        status = 2
    except Exception:
        logging.getLogger("sluice_ingester").exception("sluice-ingester ends by its own fault: please report it")
        status = 1
    # Not sys.exit: that would wait for threads, and a name lookup that hangs has one.
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
