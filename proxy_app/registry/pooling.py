"""How connections to one upstream differ from those to all others: what is sent and answered, for every kind called."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypedDict

from django.db.models import Case, TextField, Value, When
from django.db.models.functions import NullIf
from pydantic import AfterValidator, Field, StringConstraints, ValidationError, WrapValidator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from gatewaysite.errors import BadInput, FieldError
from gatewaysite.secrets import CannotUnseal, open_sealed, seal
from gatewaysite.validation import MASK, Body, RateText, not_the_mask, plain_text
from proxy_app.models import Called
from proxy_app.registry.data import AnyObject, as_text
from proxy_app.registry.kind import Source, Values
from proxy_app.upstream import tls
from proxy_app.upstream.limits import NO_OPTIONS, Counts
from proxy_app.upstream.stored import CLIENT_KEY

DAY_S = 86_400
TOGETHER = "A client certificate and its key go together"
WHAT_COUNTS = (
    "What opens the circuit besides connections that fail: nothing (connections; unless said otherwise for a proxy"
    " route), answers with 502, 503 and 504 (unavailable), all answers from 500 on (errors; the same for a gateway and"
    " an agent)."
)
NOTHING = Value("", output_field=TextField())


class PooledData(TypedDict):
    """What is answered. The key to a certificate never is."""

    poolOptions: AnyObject
    caCertificate: str | None
    clientCert: str | None
    clientKey: str | None
    rateLimit: str | None


POOL_MEMBERS: Mapping[str, Source] = {
    "poolOptions": as_text("pool_options"),
    "caCertificate": NullIf("ca_certificate", NOTHING),
    "clientCert": NullIf("client_certificate", NOTHING),
    "clientKey": Case(When(sealed_client_key="", then=None), default=Value(MASK, output_field=TextField())),
    "rateLimit": NullIf("rate_limit", Value("")),
}


def _allowed(what: str) -> WrapValidator:
    """Whatever is wrong with a number, the same sentence says what may stand there."""

    def check(value: Any, judge: Callable[[Any], Any]) -> Any:
        try:
            return judge(value)
        except ValidationError:
            raise PydanticCustomError("not_allowed", f"Allowed is {what}") from None

    return WrapValidator(check)


def _pem(text: str) -> str:
    if text and "-----BEGIN " not in text:
        raise PydanticCustomError("pem", "This is not in PEM format, which begins with -----BEGIN")
    return text


def _without_key(text: str) -> str:
    if "PRIVATE KEY-----" in text:
        raise PydanticCustomError("private_key", "A private key stands here, where everybody would see it")
    return text


def _without_pass_phrase(text: str) -> str:
    if "ENCRYPTED" in text:
        raise PydanticCustomError("pass_phrase", "A key that needs a pass phrase cannot be used; it is sealed here")
    return text


Count = Annotated[int, Field(ge=1, le=10_000), _allowed("a whole number from 1 to 10,000")]
CountOrNone = Annotated[int, Field(ge=0, le=10_000), _allowed("a whole number from 0 to 10,000")]
Failures = Annotated[
    int, Field(ge=0, le=1000, description="0: never left alone."), _allowed("a whole number from 0 to 1,000")
]
Seconds = Annotated[float, Field(ge=0.1, le=DAY_S), _allowed("a number of seconds from 0.1 to 86,400")]
Pem = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=100_000),
    AfterValidator(plain_text),
    AfterValidator(not_the_mask),
    AfterValidator(_pem),
]
Certificate = Annotated[Pem, AfterValidator(_without_key)]
Key = Annotated[Pem, AfterValidator(_without_pass_phrase)]


class PoolOptions(Body):
    """Null, or left out: the gateway's own setting. Times are seconds."""

    max_connections: Count | None = None
    max_pending: CountOrNone | None = None
    max_keepalive_connections: CountOrNone | None = None
    keepalive_expiry: Seconds | None = None
    connection_lifetime: Seconds | None = None
    connect_timeout: Seconds | None = None
    read_timeout: Seconds | None = None
    write_timeout: Seconds | None = None
    pool_timeout: Seconds | None = None
    stream_idle_timeout: Seconds | None = None
    stream_max_seconds: Seconds | None = None
    breaker_failures: Failures | None = None
    breaker_open_seconds: Seconds | None = None
    breaker_counts: Annotated[Counts | None, Field(description=WHAT_COUNTS)] = None
    verify_tls: Annotated[bool, Field(description="false takes any certificate: for tests only.")] = True


class Pooling(Body):
    """Limits, time-outs and TLS of one upstream."""

    pool_options: Annotated[PoolOptions, Field(description="Replaces all that were set before.")] = PoolOptions()
    ca_certificate: Certificate | None = Field(
        None, description="Authorities to trust besides the public ones, in PEM."
    )
    client_cert: Certificate | None = Field(
        None, description="In PEM. With clientKey, or for the stored key; null or empty: none, and no key."
    )
    client_key: Key | None = Field(None, description="In PEM. Kept sealed and never shown.", repr=False)
    rate_limit: RateText | None = Field(
        None, description="How many calls all callers together may make, such as 100/minute or 10/second; 5000/hour."
    )


class AskedPoolOptions(PoolOptions):
    """Of upstreams that have a cheap question which every one of them answers."""

    probe: Annotated[bool, Field(description="Whether it is asked now and then how it is.")] = True


class AskedPooling(Pooling):
    pool_options: Annotated[AskedPoolOptions, Field(description="Replaces all that were set before.")] = (
        AskedPoolOptions()
    )


def pooled(values: Values) -> dict[str, Any]:
    """The values with these fields replaced by the columns they become. Raises BadInput."""
    columns = dict(values)
    if "pool_options" in columns:
        columns["pool_options"] = _said(columns["pool_options"])
    if "rate_limit" in columns:
        columns["rate_limit"] = columns["rate_limit"] or ""
    if "ca_certificate" in columns:
        columns["ca_certificate"] = columns["ca_certificate"] or ""
        _try_out("caCertificate", "This certificate cannot be read", authorities=columns["ca_certificate"])
    return columns | _identity(columns.pop("client_cert", ...), columns.pop("client_key", ...))


def check_pair(row: Called, columns: Values) -> None:
    """For `store` hooks: a certificate that came without a key is one for the stored key. Raises BadInput."""
    certificate = columns.get("client_certificate")
    if not certificate or "sealed_client_key" in columns or certificate == row.client_certificate:
        return
    if not row.sealed_client_key:
        raise _bad("clientKey", TOGETHER)
    try:
        key = open_sealed(row.sealed_client_key)[CLIENT_KEY]
    except CannotUnseal:
        raise _bad("clientKey", "The stored key cannot be read; send it again") from None
    _try_out_pair(certificate, key)


def _said(options: Values) -> dict[str, Any]:
    """What differs from saying nothing, by the names of the JSON body."""
    return {to_camel(name): value for name, value in options.items() if value not in (None, getattr(NO_OPTIONS, name))}


def _identity(certificate: Any, key: Any) -> dict[str, Any]:
    """The columns of the client's certificate and key; an ellipsis is what was left out."""
    if certificate is key is ...:
        return {}
    if certificate and certificate is not ... and key is ...:
        return {"client_certificate": certificate}  # for the stored key: see `check_pair`
    certificate, key = ("" if one in (None, ...) else one for one in (certificate, key))
    if bool(certificate) != bool(key):
        raise _bad("clientKey" if certificate else "clientCert", TOGETHER)
    _try_out_pair(certificate, key)
    return {"client_certificate": certificate, "sealed_client_key": seal({CLIENT_KEY: key} if key else {})}


def _try_out_pair(certificate: str, key: str) -> None:
    message = (
        "This certificate or its key cannot be read, or they do not belong together. Keys may be RSA of 2,048 to 4,096"
        " bits, EC or Ed25519"
    )
    _try_out("clientCert", message, certificate=certificate, key=key)


def _try_out(field: str, message: str, **given: str) -> None:
    try:
        tls.check(**given)
    except ValueError:
        raise _bad(field, message) from None


def _bad(field: str, message: str) -> BadInput:
    return BadInput(fields=[FieldError(("body", field), message, "tls")])
