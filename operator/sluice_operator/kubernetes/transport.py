"""HTTP requests to the API server. Tests replace this one protocol to put an API server in memory behind the client."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

import aiohttp

from sluice_operator import __version__
from sluice_operator.kubernetes.api_resource import Manifest
from sluice_operator.kubernetes.errors import ApiError
from sluice_operator.kubernetes.library import ApiClient

REQUEST_TIMEOUT: Final = aiohttp.ClientTimeout(total=30, sock_connect=10)

Body: TypeAlias = Manifest | Sequence[Manifest] | bytes | None
"""What a request sends: JSON, or bytes as they are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpResponse:
    """What came back."""

    status: int
    content: bytes
    retry_after: str = ""
    """The header, or nothing."""


class Transport(Protocol):
    """Sends requests to one API server."""

    async def send(
        self, method: str, path: str, *, query: Mapping[str, str], body: Body, content_type: str
    ) -> HttpResponse:
        """The response, whatever its status. Raises ApiError with code 0 if none came."""


class HttpTransport:
    """Sends requests over HTTP."""

    def __init__(self, api_client: ApiClient) -> None:
        self._api_client = api_client
        self._api_client.user_agent = f"sluice-operator/{__version__}"

    async def send(
        self, method: str, path: str, *, query: Mapping[str, str], body: Body, content_type: str
    ) -> HttpResponse:
        """The response, whatever its status. Raises ApiError with code 0 if none came."""
        try:
            request = await self._api_client.param_serialize(
                method,
                path,
                query_params=list(query.items()),
                header_params={"Accept": "application/json", "Content-Type": content_type},
                body=body,
                auth_settings=["BearerToken"],
            )
            response = await self._api_client.call_api(*request, _request_timeout=REQUEST_TIMEOUT)
            content: bytes = await response.read()  # type: ignore[no-untyped-call]
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiError(0, type(error).__name__, str(error) or "no answer in time") from error
        return HttpResponse(
            status=response.status, content=content, retry_after=response.headers.get("Retry-After", "")
        )
