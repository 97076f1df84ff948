"""What is said of a public MCP server: where it is, and how it lets one in. Data of others: text, never more."""

import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

import orjson
from django.core.exceptions import ImproperlyConfigured
from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, TypeAdapter, ValidationError

from gatewaysite.validation import Line, Tags, plain_text
from proxy_app.registry.credentials import HeaderName

# unsaid: registries have no word for it, so that whoever registers it says.
type Auth = Literal["open", "api_key", "oauth", "oauth_or_key", "unsaid"]

BEARER = "authorization"

Short = Annotated[Line, StringConstraints(max_length=100)]
Address = Annotated[str, StringConstraints(pattern=r"^https?://[^\s{}@#]+$", max_length=2000)]


class Entry(BaseModel):
    """One server of the catalogue. `header`: where a key goes; in Authorization as a bearer token."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._~-]{0,199}$")]
    name: Short
    url: Address
    provider: Short
    category: Short
    description: Annotated[str, StringConstraints(max_length=1000), AfterValidator(plain_text)] = ""
    auth: Auth
    header: HeaderName = "Authorization"
    needs_client: bool = False
    transport: Literal["STREAMABLEHTTP"] = "STREAMABLEHTTP"
    docs: Address | Literal[""] = ""
    tags: Tags = []

    @property
    def takes_key(self) -> bool:
        return self.auth in ("api_key", "oauth_or_key", "unsaid")

    @property
    def takes_oauth(self) -> bool:
        return self.auth in ("oauth", "oauth_or_key", "unsaid")

    @property
    def key_is_bearer(self) -> bool:
        return self.header.lower() == BEARER


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    servers: list[Entry]


ENTRIES: TypeAdapter[list[Entry]] = TypeAdapter(list[Entry])


def read_file(path: Path) -> list[Entry]:
    """The servers of a TOML or JSON file. Raises ImproperlyConfigured, which says what is wrong with which."""
    try:
        text = path.read_bytes()
        found = orjson.loads(text) if path.suffix == ".json" else tomllib.loads(text.decode())
        servers = _File.model_validate(found).servers
    except (OSError, ValueError) as error:  # what is no TOML, JSON or UTF-8 is a ValueError, a ValidationError too
        raise ImproperlyConfigured(f"The catalogue {path} cannot be used: {_complaint(error)}") from error
    if twice := _twice(entry.id for entry in servers):
        raise ImproperlyConfigured(f"The catalogue {path} has two servers with the id {twice}")
    return servers


def _complaint(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def _twice(ids: Iterable[str]) -> str:
    return next((id for id, count in Counter(ids).items() if count > 1), "")
