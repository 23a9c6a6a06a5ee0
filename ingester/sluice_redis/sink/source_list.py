"""Reading the source list of a process, and saying which version of it is applied."""

from dataclasses import dataclass

from sluice_redis.contract import SOURCE_LIST_VERSION, applied_key, applied_value
from sluice_redis.sink.call import RedisCalls
from sluice_redis.sink.errors import SinkError


@dataclass(frozen=True, slots=True)
class ListState:
    """The version of a list, None if there is no list, and the version that somebody has applied, None if nobody."""

    version: str | None
    applied: str | None


class RedisSourceList:
    """The source list at `key`. Every method raises SinkError, and nothing else, if Redis fails."""

    def __init__(self, calls: RedisCalls, key: str) -> None:
        self.key = key
        self._calls = calls

    async def read_state(self) -> ListState:
        """The versions, in one round trip."""
        answers = await self._calls.execute_all(
            [("HMGET", self.key, SOURCE_LIST_VERSION), ("GET", applied_key(self.key))]
        )
        for answer in answers:
            if isinstance(answer, SinkError):
                raise answer
        [version], applied = answers
        return ListState(
            version=None if version is None else _text(version),
            applied=None if applied is None else _text(applied).rpartition(" ")[0],
        )

    async def read(self) -> dict[str, str]:
        """The whole list: its version and its entries. Empty if there is none."""
        answer = await self._calls.execute("HGETALL", self.key)
        pairs = answer.items() if isinstance(answer, dict) else zip(answer[::2], answer[1::2], strict=True)
        return {_text(name): _text(value) for name, value in pairs}

    async def write_applied(self, version: str, pod: str) -> None:
        """Say that `pod` has applied `version`."""
        await self._calls.execute("SET", applied_key(self.key), applied_value(version, pod))


def _text(value: bytes) -> str:
    return value.decode(errors="backslashreplace")
