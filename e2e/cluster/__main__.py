"""The command line of the cluster, `python -m e2e.cluster`. Run it in the root of the repository."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from e2e.cluster import archive, base, doctor, images, kind, local, provider, records
from e2e.cluster.errors import ClusterError
from e2e.cluster.layout import Layout
from e2e.cluster.provider import LocalCluster


def main() -> int:
    """Run one command. The exit code: 1, with the reason on standard error, when it fails."""
    arguments = parser().parse_args()
    try:
        return int(arguments.run(Layout(), arguments) or 0)
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m e2e.cluster", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for name, run, text in (
        ("up", up, "start the cluster, or what has stopped of it"),
        ("down", down, "stop it and remove its state; the caches stay"),
        ("status", status, "its components and their logs"),
        ("kubeconfig", kubeconfig, "print the kubeconfig's path"),
        ("images", build_images, "build the base and Redis images; load them if the cluster runs"),
        ("load", load, "load an image archive"),
        ("doctor", diagnose, "what this machine lacks, and what a stopped cluster has left"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        if name == "load":
            command.add_argument("archive", type=Path, metavar="IMAGE.tar")
    return top


def up(layout: Layout, _: argparse.Namespace) -> None:
    """Start the cluster, or what has stopped of it."""
    choice = provider.detect()
    if choice.provider is None:
        raise provider.NoClusterError(choice.reason)
    if choice.provider == "kind":
        kind.up(layout)
    else:
        local.up(layout)
    print(f"export KUBECONFIG={layout.kubeconfig} PATH={layout.binaries}:$PATH")


def down(layout: Layout, _: argparse.Namespace) -> None:
    """Stop the cluster and remove its state."""
    if provider.detect().provider == "kind":
        kind.down(layout)
    else:
        local.down(layout)


def status(layout: Layout, _: argparse.Namespace) -> int:
    """Print one line per component; 1 unless all run."""
    pids = records.component_pids(layout)
    if not pids:
        print("down")
        return 1
    for name, pid in pids.items():
        print(f"{name:24} {f'pid {pid}' if pid else 'not running':12} {layout.logs / name}.log")
    return int(not all(pids.values()))


def kubeconfig(layout: Layout, _: argparse.Namespace) -> None:
    """Print the path of the kubeconfig."""
    print(layout.kubeconfig)


def build_images(layout: Layout, _: argparse.Namespace) -> None:
    """Build the base image and the Redis image; load them if the cluster runs."""
    provider.prepare([images.REDIS], layout=layout)
    if records.component_pids(layout):
        cluster = LocalCluster(layout)
        cluster.load_archive(images.ensure_base(layout), tag=base.TAG)
        cluster.load_image(images.REDIS)


def load(layout: Layout, arguments: argparse.Namespace) -> None:
    """Load any image archive."""
    path = arguments.archive.resolve()
    if not path.is_file():
        raise ClusterError(f"no such file: {path}")
    archive.import_file(layout, path)


def diagnose(layout: Layout, _: argparse.Namespace) -> int:
    """Print what is missing and what was left behind; 1 if there is anything."""
    findings = doctor.findings(layout)
    print("\n".join(findings) or "no problem found")
    return int(bool(findings))


if __name__ == "__main__":
    sys.exit(main())
