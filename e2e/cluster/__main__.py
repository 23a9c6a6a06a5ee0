"""`python -m e2e.cluster COMMAND`, from the repository's root."""

from __future__ import annotations

import argparse
import sys

from e2e.cluster import local
from e2e.cluster.errors import ClusterError
from e2e.cluster.layout import Layout


def main() -> int:
    """Run one command; 1 with the reason on standard error when it fails."""
    parser = argparse.ArgumentParser(prog="python -m e2e.cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="start the local cluster, or heal it")
    commands.add_parser("down", help="stop it and remove its state; the caches stay")
    arguments = parser.parse_args()
    layout = Layout()
    try:
        if arguments.command == "up":
            local.up(layout)
            print(f"export KUBECONFIG={layout.kubeconfig}")
        elif arguments.command == "down":
            local.down(layout)
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
