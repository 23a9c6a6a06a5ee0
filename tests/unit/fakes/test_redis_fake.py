"""The fake Redis of the operator meets the contract of SourceRedis."""

import pytest

from tests.fakes.redis import FakeRedis
from tests.fakes.redis_contract import SourceRedisContract, Subject

URL, UNREACHABLE = b"redis://redis.data", b"redis://gone.data"


class TestFakeRedis(SourceRedisContract):
    """In memory."""

    @pytest.fixture
    def subject(self) -> Subject:
        redis = FakeRedis()
        redis.server(UNREACHABLE).problem = "connection refused"
        return Subject(redis=redis, url=URL, data=redis.server(URL), unreachable_url=UNREACHABLE)
