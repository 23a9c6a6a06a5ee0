"""The four readers at the end of a step, with kubectl itself."""

from __future__ import annotations

import re
from typing import Final

from e2e.cluster.errors import ClusterError
from e2e.cluster.provider import Cluster
from e2e.tests.situations.recorder import PLURALS, Key, Recorder
from e2e.tests.situations.verdicts import GONE, MET, NOT_THERE, WAITS, Reading, Words
from sluice_operator.api.base import GROUP

_CELLS: Final = re.compile(r"\S+(?: \S+)*")


def named(key: Key) -> tuple[str, str]:
    """The resource for kubectl, with its group: tests of the API server install relays in other groups."""
    kind, name = key
    return f"{PLURALS[kind]}.{GROUP}", name


def waited(cluster: Cluster, key: Key, *, namespace: str) -> str:
    """The result of `kubectl wait --for=condition=Ready` now."""
    try:
        cluster.kubectl("wait", "/".join(named(key)), "-n", namespace, "--for=condition=Ready", "--timeout=0s")
    except ClusterError as error:
        for words, meaning in {"not found": GONE, "condition not met": WAITS}.items():
            if words in str(error):
                return meaning
        raise
    return MET


def table(cluster: Cluster, key: Key, *, namespace: str) -> tuple[str, str]:
    """The cells Ready and Reason of `kubectl get -o wide`."""
    output = cluster.kubectl("get", *named(key), "-n", namespace, "-o", "wide", "--ignore-not-found")
    if not output:
        return GONE, ""
    header, row = output.splitlines()
    columns = list(_CELLS.finditer(header))
    ends = [*(column.start() for column in columns[1:]), len(row)]
    cells = {column[0]: row[column.start() : end].strip() for column, end in zip(columns, ends, strict=True)}
    return cells["READY"], cells["REASON"]


def read(cluster: Cluster, recorder: Recorder, key: Key, *, namespace: str) -> Reading:
    """The words of the four readers for the newest version.

    All read the same version, unless versions follow each other too fast.
    """
    for _ in range(4):
        before = recorder.versions(key)
        wait = waited(cluster, key, namespace=namespace)
        ready, reason = table(cluster, key, namespace=namespace)
        after = recorder.versions(key)
        if not before or before[-1].reading == after[-1].reading:
            break
    if wait == GONE and ready == GONE:
        return NOT_THERE
    words = after[-1].reading.words
    return Reading(Words(wait, words.kstatus, words.argo, ready), reason)
