"""How a gateway's connections differ from those of all others: the fields they are written with, and their checks."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from gatewaysite.errors import BadInput, FieldError
from proxy_app.registry.kind import Values
from proxy_app.registry.validation import Body, plain_text
from proxy_app.upstream.limits import Options
from proxy_app.upstream.secrets import CLIENT_KEY, seal
from proxy_app.upstream.tls import context_for

MASK = "*****"
DAY_S = 86_400

Seconds = Annotated[float, Field(ge=0.1, le=DAY_S)]


def _pem(text: str) -> str:
    if text == MASK:
        raise PydanticCustomError("masked", "This is the mask that answers show; leave it out to keep what is stored")
    if text and "-----BEGIN " not in text:
        raise PydanticCustomError("pem", "This is not in PEM format, which begins with -----BEGIN")
    return text


Pem = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=100_000), AfterValidator(plain_text), AfterValidator(_pem)
]


class PoolOptions(Body):
    """Null, or left out: the gateway's own setting."""

    max_connections: Annotated[int, Field(ge=1, le=10_000)] | None = None
    max_pending: Annotated[int, Field(ge=0, le=10_000)] | None = None
    max_keepalive_connections: Annotated[int, Field(ge=0, le=10_000)] | None = None
    keepalive_expiry: Seconds | None = None
    connection_lifetime: Seconds | None = None
    connect_timeout: Seconds | None = None
    read_timeout: Seconds | None = None
    write_timeout: Seconds | None = None
    pool_timeout: Seconds | None = None
    stream_idle_timeout: Seconds | None = None
    stream_max_seconds: Seconds | None = None
    breaker_failures: Annotated[int, Field(ge=0, le=1000, description="0: never left alone.")] | None = None
    breaker_open_seconds: Seconds | None = None
    probe: Annotated[bool, Field(description="Whether it is asked now and then how it is.")] = True
    verify_tls: Annotated[bool, Field(description="false takes any certificate: for tests only.")] = True


class Pooling(Body):
    """Limits, time-outs and TLS of one upstream."""

    pool_options: Annotated[PoolOptions, Field(description="Replaces all that were set before.")] = PoolOptions()
    ca_certificate: Pem | None = Field(None, description="Authorities to trust besides the public ones, in PEM.")
    client_cert: Pem | None = Field(None, description="With clientKey; null or empty: none.")
    client_key: Pem | None = Field(None, description="Kept sealed and never shown.", repr=False)


def pooled(values: Values) -> dict[str, Any]:
    """The values with these fields replaced by the columns they become. Raises BadInput."""
    columns = dict(values)
    if "pool_options" in columns:
        given = PoolOptions.model_validate(columns["pool_options"] or {})
        columns["pool_options"] = given.model_dump(by_alias=True, exclude_none=True, exclude_defaults=True)
    authority = columns["ca_certificate"] = columns.get("ca_certificate") or ""
    if "ca_certificate" not in values:
        del columns["ca_certificate"]
    certificate, key = columns.pop("client_cert", None) or "", columns.pop("client_key", None) or ""
    if bool(certificate) != bool(key):
        raise _bad("clientKey" if certificate else "clientCert", "A client certificate and its key go together")
    if "client_cert" in values or "client_key" in values:
        columns["client_certificate"] = certificate
        columns["sealed_client_key"] = seal({CLIENT_KEY: key} if key else {})
    _try_out(authority, certificate, key)
    return columns


def _try_out(authority: str, certificate: str, key: str) -> None:
    try:
        context_for(Options(ca_certificate=authority))
    except ValueError:
        raise _bad("caCertificate", "This certificate cannot be read") from None
    try:
        context_for(Options(client_certificate=certificate, client_key=key))
    except ValueError:
        message = "This certificate or its key cannot be read, or they do not belong together"
        raise _bad("clientCert", message) from None


def _bad(field: str, message: str) -> BadInput:
    return BadInput(fields=[FieldError(("body", field), message, "tls")])
