"""The command `sluice-operator`."""

import argparse
import asyncio
import gc
import logging
import sys

from sluice_operator import __version__


def main() -> int:
    """Run the operator, or print the CRDs."""
    parser = argparse.ArgumentParser(
        prog="sluice-operator", description="Runs AT Protocol ingesters for Relay and Labeler resources."
    )
    parser.add_argument("command", nargs="?", choices=["run", "crds"], default="run", help="default: run")
    parser.add_argument("--version", action="version", version=f"sluice-operator {__version__}")
    arguments = parser.parse_args()
    return print_crds() if arguments.command == "crds" else run()


def print_crds() -> int:
    """Print the CRDs as YAML, to be piped into `kubectl apply -f -`."""
    from sluice_operator.kinds.crd import render_crd  # noqa: PLC0415 (only this command needs YAML)
    from sluice_operator.kinds.registry import KINDS  # noqa: PLC0415

    print("---\n".join(map(render_crd, KINDS)), end="")
    return 0


def run() -> int:
    """Run the operator. Returns 2 if the settings are invalid, 1 after an error, 0 after a signal."""
    # Importing the clients takes most of the start. An invalid setting is reported before that.
    from sluice_operator.settings import SettingsError, load_settings  # noqa: PLC0415
    from sluice_operator.telemetry.logs import configure_logs  # noqa: PLC0415

    try:
        settings = load_settings()
    except SettingsError as error:
        print(f"sluice-operator: these environment variables are invalid:\n{error}", file=sys.stderr)
        return 2
    configure_logs(style=settings.log_format, level=settings.log_level)

    from sluice_operator.app import run_operator  # noqa: PLC0415
    from sluice_operator.kubernetes.connection import UnconfiguredError  # noqa: PLC0415

    logger = logging.getLogger("sluice_operator")
    # What was imported stays. Without it, the collector has less to visit, and finds garbage sooner.
    gc.collect()
    gc.freeze()
    try:
        asyncio.run(run_operator(settings))
    except UnconfiguredError as error:
        logger.error("No API server is configured: %s", error)
        return 2
    except Exception:
        logger.exception("The operator has failed")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
