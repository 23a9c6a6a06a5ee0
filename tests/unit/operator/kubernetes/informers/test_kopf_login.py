"""The login of kopf: only an answer 401 counts against the credentials."""

from collections.abc import AsyncIterator, Callable
from http import HTTPStatus

import kopf
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.client import Configuration

from sluice_operator.kubernetes.informers import kopf_login
from sluice_operator.kubernetes.informers.kopf_login import CredentialsRejectedError, KopfLogin

ATTEMPTS = len(kopf_login.RETRY_PAUSES_SECONDS)

Answers = Callable[[HTTPStatus], None]


@pytest.fixture
async def login(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[KopfLogin, Answers]]:
    """A login at an API server, and a function that sets the status of its answers."""
    monkeypatch.setattr(kopf_login, "RETRY_PAUSES_SECONDS", (0.0,) * ATTEMPTS)
    status = HTTPStatus.OK

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status)

    def answers(new: HTTPStatus) -> None:
        nonlocal status
        status = new

    application = web.Application()
    application.router.add_get("/{path:.*}", answer)
    async with TestServer(application) as server:
        configuration = Configuration()
        configuration.host = str(server.make_url(""))
        configuration.api_key = {"BearerToken": "Bearer token"}
        yield KopfLogin(configuration, plurals=["relays"], on_relist=lambda: None, on_forbidden=lambda _: None), answers


async def request(session: kopf.AiohttpSession) -> None:
    async with session.aiohttp_session as client, client.get(f"{session.server}/api"):
        pass


@pytest.mark.parametrize("status", [HTTPStatus.OK, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND])
async def test_an_engine_that_starts_again_and_again_keeps_its_credentials(
    login: tuple[KopfLogin, Answers], status: HTTPStatus
) -> None:
    it, answers = login
    answers(status)
    for _ in range(3 * ATTEMPTS):
        await request(await it.log_in())
    assert not it.rejected.done()


async def test_credentials_that_are_rejected_again_and_again_are_given_up(login: tuple[KopfLogin, Answers]) -> None:
    it, answers = login
    answers(HTTPStatus.UNAUTHORIZED)
    for _ in range(ATTEMPTS):
        await request(await it.log_in())
    with pytest.raises(CredentialsRejectedError):
        await it.log_in()
    assert isinstance(it.rejected.exception(), CredentialsRejectedError)


async def test_credentials_that_work_in_between_are_kept(login: tuple[KopfLogin, Answers]) -> None:
    it, answers = login
    for status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.OK) * ATTEMPTS:
        answers(status)
        await request(await it.log_in())
    assert not it.rejected.done()
