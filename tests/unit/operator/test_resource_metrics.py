"""What Prometheus is told of resources, of every kind."""

from prometheus_client import generate_latest

from sluice_operator.metrics import Metrics
from sluice_operator.queue import WorkQueue
from sluice_operator.sources import LABELERS, RELAYS, SourceKey
from sluice_operator.store import Store


def test_each_kind_is_told_with_its_lag() -> None:
    store = Store()
    queue: WorkQueue[SourceKey] = WorkQueue()
    for api, part, seconds in ((RELAYS, "firehose", 7), (LABELERS, "labels", 3)):
        metadata = {"name": "one", "namespace": "events", "uid": api.kind, "resourceVersion": "1"}
        status = {
            "conditions": [{"type": "Ready", "status": "True"}],
            part: {"lagSeconds": seconds},
            "restarts": {"count": 2},
        }
        store.put(api, {"metadata": metadata, "status": status})
    text = generate_latest(Metrics(store=store, queue=queue, leads=lambda: True).registry).decode()
    for kind, seconds in (("Relay", 7), ("Labeler", 3)):
        of_it = f'{{kind="{kind}",name="one",namespace="events"}}'
        assert f"sluice_resource_lag_seconds{of_it} {seconds}.0" in text
        assert f"sluice_resource_ready{of_it} 1.0" in text
        assert f"sluice_resource_restarts_total{of_it} 2.0" in text
