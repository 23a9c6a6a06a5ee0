"""The command: `sluice-ingester`, or `python -m sluice_ingester`."""

import argparse
import asyncio
import logging
import os
import sys

from sluice_common import logs
from sluice_ingester import app, malloc, settings


def main() -> None:
    """Run the ingester. Exit status: 0 after a signal to stop, 2 if a setting is wrong, 1 after an internal error."""
    parser = argparse.ArgumentParser(
        prog="sluice-ingester",
        description="Streams AT Protocol sources into Redis Streams. All settings are environment variables.",
    )
    parser.add_argument("--version", action="version", version=f"sluice-ingester {app.VERSION}{app.BUILD}")
    parser.parse_args()
    try:
        chosen = settings.load()
        malloc.configure_malloc()
        logs.configure(style=chosen.log_format, level=chosen.log_level, extra_fields=("source", "kind"))
        asyncio.new_event_loop().run_until_complete(app.run(chosen))
        status = 0
    except settings.SettingsError as error:
        print(f"sluice-ingester: {error}", file=sys.stderr)
        status = 2
    except Exception:
        logging.getLogger("sluice_ingester").exception("sluice-ingester ends after an internal error: please report it")
        status = 1
    # sys.exit would wait for threads. A name lookup that hangs is in a thread.
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
