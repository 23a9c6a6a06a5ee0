"""The demo runs the example consumer, and only what a user can copy."""

from e2e import consumer, images
from e2e.consumer import EXAMPLE


def test_the_demo_applies_the_example() -> None:
    made = consumer.manifests(name="demo", namespace="apps", stream="pds:firehose_live", redis_url="redis://r:6379/0")
    secret, script, deployment = made
    assert {one["metadata"]["name"] for one in made} == {"demo"}
    assert secret["stringData"] == {"url": "redis://r:6379/0"}
    assert script["data"]["consumer.py"] == (EXAMPLE / "consumer.py").read_text()
    pod = deployment["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert container["image"] == images.SLUICE.tag
    values = {item["name"]: item.get("value") for item in container["env"]}
    assert values == {"REDIS_URL": None, "STREAM": "pds:firehose_live", "GROUP": "demo", "CONSUMER": None}
    assert container["env"][0]["valueFrom"]["secretKeyRef"] == {"name": "demo", "key": "url"}
    assert pod["volumes"][0]["configMap"]["name"] == "demo"
    assert deployment["spec"]["selector"]["matchLabels"] == deployment["spec"]["template"]["metadata"]["labels"]
