"""What is sent to the endpoints of trusted issuers, and what they answer."""

from typing import Annotated, Any, TypedDict
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from auth_app.oauth.redirects import LOOPBACK, UNSAFE
from gatewaysite.validation import Line, Plain


class IssuerData(TypedDict):
    """`subjects`: people by what the issuer calls them (`sub`), where its tokens have no e-mail address to go by."""

    id: str
    name: str
    issuer: str
    audiences: list[str]
    person_claim: str
    subjects: dict[str, str]
    offered: bool
    enabled: bool
    created_at: Any


class IssuerList(TypedDict):
    issuers: list[IssuerData]


def _issuer(url: str) -> str:
    """Its documents are found from it, and tokens must name it to the letter, so it is kept as it was written."""
    try:
        parts = urlsplit(url)
        on_this_machine = parts.scheme == "http" and parts.hostname in LOOPBACK
        fits = (parts.scheme == "https" or on_this_machine) and parts.hostname and not parts.query
    except ValueError:
        fits = False
    if UNSAFE.search(url) or not fits or "@" in parts.netloc:
        raise PydanticCustomError(
            "issuer", "An issuer is a URL that begins with https://, as its tokens have it in iss"
        )
    return url


Issuer = Annotated[str, StringConstraints(max_length=500), AfterValidator(_issuer)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Claim = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,100}$")]
Subjects = Annotated[dict[Annotated[str, StringConstraints(min_length=1, max_length=255)], str], Field(max_length=5000)]


class IssuerCreate(Plain):
    name: Line
    issuer: Issuer
    audiences: list[Text] = Field(
        default=[], max_length=20, description="Which `aud` is meant for us; empty: the URL of the endpoint."
    )
    person_claim: Claim = Field(default="email", description="email counts only together with email_verified.")
    subjects: Subjects = Field(default={}, description="E-mail addresses of our people by their `sub`.")
    offered: bool = Field(default=False, description="Clients are sent there before they are sent to us.")
    enabled: bool = True


class IssuerUpdate(Plain):
    """What is left out stays. Its URL never changes: another issuer is another one."""

    name: Line | None = None
    audiences: list[Text] | None = Field(default=None, max_length=20)
    person_claim: Claim | None = None
    subjects: Subjects | None = None
    offered: bool | None = None
    enabled: bool | None = None
