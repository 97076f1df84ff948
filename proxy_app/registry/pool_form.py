"""The part of a form about connections, time-outs and TLS of one upstream, for every kind that is called."""

import json
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from pydantic.alias_generators import to_camel

from gatewaysite.controls import FALSE, Field, Item, Texts, choices, control, fold, part
from proxy_app.upstream.limits import rules_of

ASKED_NOW_AND_THEN = frozenset({"gateways", "agents"})
# Option, label, unit, help; beside its control stands the default in force.
CONNECTIONS = (
    ("max_connections", "Connections at a time", "per process", "Further calls wait for one."),
    ("max_pending", "Calls that may wait", "per process", "Beyond that they are refused at once."),
    ("max_keepalive_connections", "Kept open at rest", "per process", ""),
    ("keepalive_expiry", "Closed when at rest for", "seconds", ""),
    ("connection_lifetime", "Closed at the latest after", "seconds", ""),
)
TIMEOUTS = (
    ("pool_timeout", "To wait for a connection", "seconds", ""),
    ("connect_timeout", "To connect", "seconds", "TLS included."),
    ("write_timeout", "To send a part", "seconds", ""),
    ("read_timeout", "While it is silent", "seconds", "Before its answer begins, and inside it."),
    ("stream_idle_timeout", "Silent in an event stream", "seconds", ""),
    ("stream_max_seconds", "For a whole stream", "seconds", ""),
)
BREAKER = (
    ("breaker_failures", "Left alone after", "failures in a row", "0: never."),
    ("breaker_open_seconds", "Left alone for", "seconds", "Longer each time that it is not back."),
)
NUMBERS = tuple(option for option, *_ in (*CONNECTIONS, *TIMEOUTS, *BREAKER))
COUNTED = (
    ("connections", "No connection, or silence"),
    ("unavailable", "Also 502, 503 and 504"),
    ("errors", "Also every 5xx"),
)
RATE_HELP = "Of all callers together: 100/minute, or 10/second; 5000/hour."
COUNTED_UNLESS_SAID = {"gateways": "errors", "agents": "errors", "routes": "connections"}


def pool_fields(slug: str, texts: Texts, item: Item | None, more: Sequence[Field] = ()) -> list[Field]:
    """Two folds; `more` is what a kind has besides, at the end of the time-outs."""
    defaults = _defaults()
    fields = [
        *(_number(one, texts, defaults) for one in CONNECTIONS),
        control("rate_limit", "Rate limit", texts, help=RATE_HELP, placeholder=_default_rate(slug) or "no limit"),
        part("Time-outs"),
        *(_number(one, texts, defaults) for one in TIMEOUTS),
        *more,
        part("When it fails"),
        *(_number(one, texts, defaults) for one in BREAKER),
        _counted(slug, texts),
    ]
    if slug in ASKED_NOW_AND_THEN:
        fields.append(
            control(
                "without_checks",
                "Never ask it how it is",
                texts,
                "check",
                when="whole",
                help="Its state is then what calls meet.",
            )
        )
    return [
        fold("Connections and time-outs", fields, pairs=True,
             help="What is left empty is as it is for all upstreams; the field shows the number."),
        fold("TLS", _tls_fields(texts, item)),
    ]  # fmt: skip


def pool_texts(item: Item) -> Texts:
    """What these controls hold for an existing item. The key to its certificate is never among it."""
    options = json.loads(item["poolOptions"])
    return {
        **{name: _number_text(options.get(to_camel(name))) for name in NUMBERS},
        "breaker_counts": options.get("breakerCounts", ""),
        "without_checks": FALSE if options.get("probe", True) else "on",
        "any_certificate": FALSE if options.get("verifyTls", True) else "on",
        "rate_limit": item["rateLimit"] or "",
        "ca_certificate": item["caCertificate"] or "",
        "client_cert": item["clientCert"] or "",
    }


def pool_body(slug: str, texts: Texts) -> dict[str, Any]:
    """What a JSON client would send in their place."""
    options: dict[str, Any] = {name: text for name in (*NUMBERS, "breaker_counts") if (text := texts.get(name))}
    if "any_certificate" in texts:
        options["verify_tls"] = False
    if "without_checks" in texts and slug in ASKED_NOW_AND_THEN:
        options["probe"] = False
    columns = {name: texts.get(name) or None for name in ("rate_limit", "ca_certificate")}
    return {"pool_options": options, **columns, **_identity(texts)}


def _identity(texts: Texts) -> dict[str, str | None]:
    """The certificate; and its key, where one was typed or it shall go. Otherwise the stored one stays."""
    if "remove_client_cert" in texts:
        return {"client_cert": None, "client_key": None}
    key = {"client_key": texts["client_key"]} if texts.get("client_key") else {}
    return {"client_cert": texts.get("client_cert") or None, **key}


def _number(said: tuple[str, str, str, str], texts: Texts, defaults: Texts) -> Field:
    option, label, unit, help_text = said
    return control(option, label, texts, "number", type=unit, help=help_text, placeholder=defaults[option])


def _counted(slug: str, texts: Texts) -> Field:
    unset = dict(COUNTED)[COUNTED_UNLESS_SAID[slug]]
    return control(
        "breaker_counts",
        "What counts as a failure",
        texts,
        "select",
        choices=choices(COUNTED),
        unset=f"Default: {unset[0].lower()}{unset[1:]}",
    )


def _tls_fields(texts: Texts, item: Item | None) -> list[Field]:
    has_key = bool(item and item["clientKey"])
    texts = {name: FALSE if "PRIVATE KEY-----" in text else text for name, text in texts.items()}  # not sent back
    fields = [
        control("ca_certificate", "Authorities to trust", texts, "pem",
                help="Certificates in PEM, one after the other. The public authorities are trusted besides."),
        control("client_cert", "Our certificate", texts, "pem",
                help="As whom we come, where the upstream asks. In PEM, its chain after it."),
        control("client_key", "The key to our certificate", {}, "pem", type="set" if has_key else "not set",
                help="In PEM. Kept sealed, never shown again." + (" Empty: the stored one stays." if has_key else "")),
    ]  # fmt: skip
    if has_key:
        fields.append(control("remove_client_cert", "Remove our certificate and its key", texts, "check"))
    fields.append(
        control("any_certificate", "Take any certificate of the upstream's", texts, "check",
                help="It may then be anybody's. For tests only.")
    )  # fmt: skip
    return fields


def _default_rate(slug: str) -> str:
    text: str = settings.RATE_LIMIT_ROUTE if slug == "routes" else settings.RATE_LIMIT_UPSTREAM
    return text


def _defaults() -> Texts:
    """What is in force where a row says nothing."""
    rules = rules_of(settings)
    limits, timeouts, breaking = rules.limits, rules.timeouts, rules.breaking
    numbers: dict[str, float | None] = {
        "max_connections": limits.max_connections,
        "max_pending": limits.max_pending,
        "max_keepalive_connections": limits.max_keepalive_connections,
        "keepalive_expiry": limits.keepalive_expiry_s,
        "connection_lifetime": limits.lifetime_s,
        "pool_timeout": timeouts.pool,
        "connect_timeout": timeouts.connect,
        "write_timeout": timeouts.write,
        "read_timeout": timeouts.read,
        "stream_idle_timeout": timeouts.stream_idle,
        "stream_max_seconds": timeouts.stream_total,
        "breaker_failures": breaking.failures,
        "breaker_open_seconds": breaking.open_s,
    }
    return {name: _number_text(number) or "no limit" for name, number in numbers.items()}


def _number_text(number: float | None) -> str:
    if number is None:
        return ""
    return str(int(number)) if number == int(number) else str(number)
