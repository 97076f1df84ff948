"""What MCP registries answer to `GET /v0/servers` and `GET /v0.1/servers`, and the catalogue entries it becomes.

https://github.com/modelcontextprotocol/registry/tree/main/docs/reference. In both shapes, a server under `server` with
what the registry says of it in `_meta`, and the older one without that wrapping.
"""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson
from pydantic import AliasChoices, BaseModel, Field, ValidationError

from gatewaysite.validation import NOT_IN_A_LINE
from proxy_app.catalogue.entries import Auth, Entry

SPOKEN = "streamable-http"
CATEGORY = "From the registry"


class NotARegistry(ValueError):
    """The answer is not that of an MCP registry."""


class Page(NamedTuple):
    servers: list[Any]
    next_cursor: str


class _Metadata(BaseModel):
    next_cursor: str | None = Field(None, validation_alias=AliasChoices("nextCursor", "next_cursor"))


class _Answer(BaseModel):
    servers: list[Any] | None  # an empty list is null in some
    metadata: _Metadata | None = None


class _Header(BaseModel):
    name: str
    is_required: bool = Field(False, alias="isRequired")
    is_secret: bool = Field(False, alias="isSecret")


class _Remote(BaseModel):
    type: str = Field(validation_alias=AliasChoices("type", "transport_type"))
    url: str
    headers: list[_Header] = []


class _Server(BaseModel):
    name: str
    title: str = ""
    description: str = ""
    website: str = Field("", alias="websiteUrl")
    status: str = "active"
    remotes: list[_Remote] = []


class _Official(BaseModel):
    status: str = ""


class _Meta(BaseModel):
    official: _Official = Field(_Official(), alias="io.modelcontextprotocol.registry/official")


class _Listed(BaseModel):
    server: _Server
    meta: _Meta | None = Field(None, alias="_meta")

    @property
    def status(self) -> str:
        """As the registry says it, or else the server itself."""
        return (self.meta.official.status if self.meta else "") or self.server.status


def page_of(body: bytes) -> Page:
    """Raises NotARegistry."""
    try:
        answer = _Answer.model_validate(orjson.loads(body))
    except ValueError as error:
        raise NotARegistry(NotARegistry.__doc__) from error
    return Page(answer.servers or [], (answer.metadata and answer.metadata.next_cursor) or "")


def entries_of(servers: Iterable[Any]) -> tuple[list[Entry], int]:
    """The servers that a gateway can be made of, each once, and how many others there were."""
    found: dict[str, Entry] = {}
    others = 0
    for server in servers:
        try:
            entry = _entry(_listed(server))
        except ValidationError:
            entry = None
        if entry is None:
            others += 1
        else:
            found.setdefault(entry.id, entry)
    return list(found.values()), others


def _listed(server: Any) -> _Listed:
    """In the older shape nothing is around it."""
    wrapped = isinstance(server, dict) and "server" in server
    return _Listed.model_validate(server if wrapped else {"server": server})


def _entry(listed: _Listed) -> Entry | None:
    """None for one that is not to be used any more, or not over what we speak, or only with more than one header."""
    server = listed.server
    remote = next((remote for remote in server.remotes if remote.type == SPOKEN), None)
    if remote is None or listed.status != "active":
        return None
    wanted = [header for header in remote.headers if header.is_required or header.is_secret]
    if len(wanted) > 1:
        return None
    auth: Auth = "api_key" if wanted else "unsaid"
    return Entry(
        id=server.name.replace("/", "~"),
        name=_line(server.title or server.name.rpartition("/")[2])[:100],
        url=remote.url,
        provider=_provider(server.name, remote.url),
        category=CATEGORY,
        description=_line(server.description)[:1000],
        auth=auth,
        header=wanted[0].name if wanted else "Authorization",
        docs=server.website if server.website.startswith(("https://", "http://")) else "",
    )


def _provider(name: str, url: str) -> str:
    """Whose it is, as far as the registry vouches for it: the domain before the slash, the right way round."""
    domain = ".".join(reversed(name.partition("/")[0].split("."))) if "/" in name else urlsplit(url).hostname or ""
    return _line(domain)[:100]


def _line(text: str) -> str:
    return re.sub(r"\s+", " ", NOT_IN_A_LINE.sub(" ", text)).strip()
