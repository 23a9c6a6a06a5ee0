"""Calls to Redis with a deadline. Every failure becomes a SinkError."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, Final, TypeVar

from redis.asyncio import RedisCluster
from redis.exceptions import NoScriptError, RedisClusterException, RedisError

from sluice_redis.client import RedisClient
from sluice_redis.sink.errors import SinkError, classify_redis_error
from sluice_redis.sink.script import Script

CALL_SECONDS: Final = 10.0
"""The deadline of a call. After it, it is unknown whether the call was executed."""
MAX_CALLS: Final = 24
"""How many calls of a process run at the same time, each on its own connection. Further calls wait for their turn."""

_ERRORS: Final = (RedisError, RedisClusterException, OSError, UnicodeError)

Command = tuple[Any, ...]
T = TypeVar("T")


class RedisCalls:
    """Calls to one Redis. They may run at the same time."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis
        self._turn = asyncio.Semaphore(MAX_CALLS)

    async def execute(self, *command: Any) -> Any:
        """The response to a command. SinkError, and nothing else, if Redis fails."""
        return await self._call(self._redis.execute_command(*command))

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        """The response of a script. SinkError if Redis fails."""
        return await self._call(self._run(script, len(keys), *keys, *arguments))

    async def execute_all(self, commands: Sequence[Command]) -> list[Any]:
        """The responses to `commands`, in one round trip. Where one has failed alone, its response is a SinkError.

        The commands are not atomic, and in a cluster they may be executed twice. SinkError if Redis fails as a whole.
        """
        answers = await self._call(self._pipeline(commands))
        return [_error(answer) if isinstance(answer, Exception) else answer for answer in answers]

    async def run_all(self, script: Script, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """The responses of a script for many keys: see `execute_all`. Each item is a key and its arguments."""
        answers = await self._call(
            self._pipeline([("EVALSHA", script.sha1, 1, key, *arguments) for key, arguments in calls])
        )
        unknown = [number for number, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if unknown:
            again = [("EVAL", script.source, 1, calls[number][0], *calls[number][1]) for number in unknown]
            for number, answer in zip(unknown, await self._call(self._pipeline(again)), strict=True):
                answers[number] = answer
        return [_error(answer) if isinstance(answer, Exception) else answer for answer in answers]

    async def aclose(self) -> None:
        """Close all connections."""
        await self._redis.aclose()

    async def _call(self, command: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await self._in_turn(command)
        except TimeoutError as error:
            raise SinkError(classify_redis_error(TimeoutError(f"no answer in {CALL_SECONDS:g} s"))) from error
        except _ERRORS as error:
            raise SinkError(classify_redis_error(error)) from error

    async def _in_turn(self, command: Awaitable[T]) -> T:
        """Run `command` when there is a connection for it. A pool without one would refuse it."""
        waiting = command
        try:
            async with self._turn:
                waiting = None  # type: ignore[assignment]
                return await command
        finally:
            if asyncio.iscoroutine(waiting):
                waiting.close()  # otherwise Python warns that it was never awaited

    async def _run(self, script: Script, *arguments: Any) -> Any:
        execute: Any = self._redis.execute_command
        try:
            return await execute("EVALSHA", script.sha1, *arguments)
        except NoScriptError:
            return await execute("EVAL", script.source, *arguments)

    async def _pipeline(self, commands: Sequence[Command]) -> list[Any]:
        pipeline: Any = self._redis.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        try:
            answers: list[Any] = await pipeline.execute(raise_on_error=False)
        except _ERRORS:
            if not isinstance(self._redis, RedisCluster):
                raise
            # Only single commands make this client look for the nodes again.
            return [await self._alone(command) for command in commands]
        return answers

    async def _alone(self, command: Command) -> Any:
        execute: Any = self._redis.execute_command
        try:
            return await execute(*command)
        except _ERRORS as error:
            return error


def _error(error: Exception) -> SinkError:
    return SinkError(classify_redis_error(error))
