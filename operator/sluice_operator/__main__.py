"""The command `sluice-operator`."""

import argparse
import asyncio
import logging
import sys

from sluice_operator import __version__


def main() -> int:
    """Run the operator, or print the CRDs."""
    parser = argparse.ArgumentParser(
        prog="sluice-operator", description="Keeps AT Protocol ingesters running for Relay resources."
    )
    parser.add_argument("command", nargs="?", choices=["run", "crds"], default="run", help="default: run")
    parser.add_argument("--version", action="version", version=f"sluice-operator {__version__}")
    arguments = parser.parse_args()
    return print_crds() if arguments.command == "crds" else run()


def print_crds() -> int:
    """Print the CRDs as YAML, to be piped into `kubectl apply -f -`."""
    from sluice_operator.api.crd import DEFINITIONS, render  # noqa: PLC0415 (only this command needs YAML)

    print("---\n".join(map(render, DEFINITIONS)), end="")
    return 0


def run() -> int:
    """Run the operator. 2 if the settings are wrong, 1 if it could not go on."""
    # The clients cost most of the start; a wrong setting is told without them.
    from sluice_operator.settings import SettingsError, load_settings  # noqa: PLC0415
    from sluice_operator.telemetry.logs import configure_logs  # noqa: PLC0415

    try:
        settings = load_settings()
    except SettingsError as error:
        print(f"sluice-operator: the environment is not as it must be:\n{error}", file=sys.stderr)
        return 2
    configure_logs(style=settings.log_format, level=settings.log_level)

    from sluice_operator.app import run_operator  # noqa: PLC0415
    from sluice_operator.kubernetes.connection import UnconfiguredError  # noqa: PLC0415

    logger = logging.getLogger("sluice_operator")
    try:
        asyncio.run(run_operator(settings))
    except UnconfiguredError as error:
        logger.error("There is no way to an API server: %s", error)
        return 2
    except Exception:
        logger.exception("The operator can't go on")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
