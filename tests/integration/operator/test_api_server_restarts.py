"""The API server restarts, etcd is compacted, a token is revoked: real ones, without the proxy."""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from kubernetes.aio.client import Configuration

from sluice_operator.kinds.registry import KINDS
from sluice_operator.kubernetes.cache import Cache
from sluice_operator.kubernetes.informers import kopf_login as session_module
from sluice_operator.kubernetes.informers.informers import run_informers
from sluice_operator.kubernetes.informers.kopf_login import CredentialsRejectedError, KopfLogin
from sluice_operator.kubernetes.source_key import SourceKey
from sluice_operator.kubernetes.watch_freshness import WatchFreshness
from tests.fakes.served import served_namespaces
from tests.integration.operator.conftest import OperatorProcess
from tests.integration.operator.control_plane import ControlPlane
from tests.integration.operator.faulty_proxy import FaultyProxy
from tests.integration.operator.injected_faults import refuse
from tests.integration.operator.situation import NAME, Situation, eventually


def test_the_api_server_restarts_while_objects_change(
    control_plane: ControlPlane, place: Situation, start: Callable[..., OperatorProcess], tmp_path: Path
) -> None:
    """There is no resync, and the operator does not restart: an outage does not end it."""
    operator, newcomer = start(SLUICE_RESYNC_INTERVAL_SECONDS="86400"), OperatorProcess(control_plane, tmp_path / "log")
    place.apply_relay()
    place.stream()
    place.apply_relay(batch={"size": 101})
    control_plane.stop_api_server()
    try:
        newcomer.start(ready=False)
        for _ in range(5):
            time.sleep(1)
            assert operator.get("livez") == (200, "alive\n")
        eventually(lambda: newcomer.get("livez") == (200, "alive\n"))
        assert newcomer.get("readyz")[0] == 503
        assert newcomer.stop() == 0
    finally:
        control_plane.start_api_server()
    # Before the watch starts again: it will have no event for the deletion.
    uid = place.deployment()["metadata"]["uid"]
    place.delete("Deployment", place.child)
    place.apply_relay(batch={"size": 102})
    control_plane.compact()
    eventually(partial(_is_as_wanted, place, uid))
    eventually(lambda: place.status()["observedGeneration"] == place.relay()["metadata"]["generation"])
    assert place.condition("Stalled") is None
    assert place.status()["restarts"]["count"] == 0
    assert operator.returncode is None
    assert operator.get("livez") == (200, "alive\n")


def _is_as_wanted(place: Situation, uid: str) -> bool:
    deployment = place.deployment()
    env = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    is_new = deployment["metadata"]["uid"] != uid
    return is_new and {"name": "INGESTER_BATCH_SIZE", "value": "102"} in env


async def test_a_token_that_is_revoked_is_renewed(
    place: Situation, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "RETRY_PAUSES_SECONDS", (0.0, 0.1, 0.1))
    _create_account(place)
    tokens = [_Token(place, name) for name in ("first", "second")]
    configuration = Configuration(host=proxy.url)
    current = tokens[0]

    def refresh(configuration: Configuration) -> None:
        configuration.api_key = {"BearerToken": f"bearer {current.text}"}

    configuration.refresh_api_key_hook = refresh  # type: ignore[assignment]
    added: list[SourceKey] = []
    login = KopfLogin(
        configuration,
        plurals=[api.plural for api in KINDS.watched.all],
        on_relist=lambda: None,
        on_forbidden=lambda _: None,
    )
    watches = asyncio.create_task(
        run_informers(
            kinds=KINDS.watched,
            cache=Cache(KINDS.watched),
            freshness=WatchFreshness(),
            add=added.append,
            login=login,
            namespaces=served_namespaces(place.namespace),
            stop=asyncio.Event(),
            in_flight_writes=set(),
        )
    )
    await _until(lambda: bool(proxy.watches("relays", place.namespace)))
    current = tokens[1]
    tokens[0].revoke()
    await asyncio.sleep(11)  # the API server caches a valid token for so long
    proxy.cut_watches("relays", namespace=place.namespace)
    await asyncio.to_thread(place.apply_relay)
    await _until(lambda: added == [SourceKey("Relay", place.namespace, NAME)])
    assert not watches.done()
    with proxy.inject(refuse(401), "watch", namespace=place.namespace):
        proxy.cut_watches("relays", namespace=place.namespace)
        with pytest.raises(CredentialsRejectedError, match="rejects the credentials, and there are no newer ones"):
            await asyncio.wait_for(watches, timeout=60)


def _create_account(place: Situation) -> None:
    """Create a service account with the operator's rights."""
    metadata, group = {"name": "default", "namespace": place.namespace}, "rbac.authorization.k8s.io"
    path = f"/api/v1/namespaces/{place.namespace}/serviceaccounts"
    place.control_plane.request("POST", path, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    place.control_plane.apply(
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "sluice"},
            "subjects": [{"kind": "ServiceAccount", **metadata}],
        }
    )


class _Token:
    """A token of a service account, bound to its own Secret. It is revoked with that Secret."""

    def __init__(self, place: Situation, name: str) -> None:
        self._place, self._name = place, name
        place.apply_secret(name)
        uid = place.get("Secret", name)["metadata"]["uid"]
        bound = {"kind": "Secret", "apiVersion": "v1", "name": name, "uid": uid}
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest"}
        path = f"/api/v1/namespaces/{place.namespace}/serviceaccounts/default/token"
        answer = place.control_plane.request("POST", path, {**request, "spec": {"boundObjectRef": bound}})
        self.text = answer["status"]["token"]

    def revoke(self) -> None:
        self._place.delete("Secret", self._name)


async def _until(condition: Callable[[], bool], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.1)
