"""The children as whole objects. `UPDATE_GOLDEN=1 pytest …` rewrites the files after a wanted change."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from sluice_operator.api.relay import Relay
from sluice_operator.desired.child_metadata import member_reference
from sluice_operator.desired.deployment import build_deployment
from sluice_operator.desired.ingester_defaults import IngesterDefaults
from sluice_operator.desired.naming import REDIS_HASH_ANNOTATION
from sluice_operator.desired.redis_secret import build_default_redis_secret, redis_url_hash
from sluice_operator.desired.relay_streams import firehose_stream

GOLDEN = Path(__file__).parent / "golden"
EXAMPLES = Path(__file__).parents[4] / "examples"
URL = "redis://:secret@sluice-redis.sluice.svc:6379/0"


def example(name: str) -> Relay:
    body = yaml.safe_load((EXAMPLES / name).read_text(encoding="utf-8"))
    body["metadata"] |= {"namespace": "events", "uid": "4f9c0c5e-5d0c-4c0e-9d0e-0f6f4c1f7a11"}
    return Relay.parse(body)


def deployment(name: str, settings: IngesterDefaults) -> dict[str, Any]:
    relay = example(name)
    return build_deployment(
        relay,
        firehose_stream(relay),
        config_hashes={REDIS_HASH_ANNOTATION: redis_url_hash(URL.encode())},
        defaults=settings,
    )


CASES = {
    "firehose-minimal": lambda: deployment("relay.yaml", IngesterDefaults(image="sluice:0.1.0")),
    "firehose-full": lambda: deployment(
        "relay-full.yaml",
        IngesterDefaults(image="sluice:0.1.0", image_pull_policy="Always", image_pull_secrets=("registry",)),
    ),
    "redis-secret": lambda: build_default_redis_secret(
        "events", url=URL, owners=[member_reference(example("relay.yaml"))]
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_children_match_the_golden_file(case: str) -> None:
    path = GOLDEN / f"{case}.yaml"
    built = CASES[case]()
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(yaml.safe_dump(built, sort_keys=False), encoding="utf-8")
    assert built == yaml.safe_load(path.read_text(encoding="utf-8"))


def test_every_golden_file_has_a_case() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(CASES)
