"""The form that registers a server of the catalogue: only what this one needs, and who may see it."""

from collections.abc import Sequence
from typing import Any

from gatewaysite.controls import Field, Texts, choices, control, fold
from proxy_app.catalogue.entries import Entry
from proxy_app.registry.access import Scope
from proxy_app.registry.forms import scope_controls

# As the CSS that shows the fields of the chosen one knows them.
KEY, OAUTH, NOTHING = "bearer", "oauth", "none"


def fields_of(entry: Entry, texts: Texts, scope: Scope) -> list[Field]:
    return [
        control("name", "Name", texts, required=True, help="The names of its tools begin with it."),
        *_credential(entry, texts),
        *scope_controls(texts, scope),
    ]


def blank_texts(entry: Entry, scope: Scope) -> Texts:
    ways = _ways(entry)
    way = {"way": ways[0][0]} if ways else {}
    return {"name": entry.name, "visibility": "public" if scope.may_publish else "private"} | way


def body_of(entry: Entry, texts: Texts) -> dict[str, Any]:
    """What a JSON client would send."""
    way = texts.get("way", _ways(entry)[0][0] if _ways(entry) else NOTHING)
    team = texts.get("team_id") or None
    body: dict[str, Any] = {
        "name": texts.get("name") or None,
        "visibility": texts.get("visibility", ""),
        "team_id": team if texts.get("visibility") == "team" else None,
    }
    if way == KEY:
        body["api_key"] = texts.get("api_key") or None
    if way == OAUTH:
        client = {name: texts[f"oauth_{name}"] for name in ("client_id", "client_secret") if texts.get(f"oauth_{name}")}
        body["oauth_credentials"] = client
    return body


def _ways(entry: Entry) -> list[tuple[str, str]]:
    """How it may let us in, the likeliest first."""
    return [
        *([(OAUTH, "People log in at the provider")] if entry.takes_oauth and entry.auth != "unsaid" else []),
        *([(NOTHING, "It asks for nothing")] if entry.auth == "unsaid" else []),
        *([(KEY, "A key")] if entry.takes_key else []),
        *([(OAUTH, "People log in at the provider")] if entry.auth == "unsaid" else []),
    ]


def _credential(entry: Entry, texts: Texts) -> list[Field]:
    ways = _ways(entry)
    several = len(ways) > 1
    fields = [control("way", "How it lets us in", texts, "select", required=True, chooses=True, choices=choices(ways))]
    return [
        *(fields if several else []),
        *([_key(entry, several)] if entry.takes_key else []),
        *(_client(entry, texts, several) if entry.takes_oauth else []),
    ]


def _key(entry: Entry, several: bool) -> Field:
    where = "as a bearer token" if entry.key_is_bearer else f"in the header {entry.header}"
    return control(
        "api_key", "Key", {}, "password", required=not several, when="when bearer inset" if several else "",
        autocomplete="new-password", help=f"Sent {where}. Kept sealed, never shown again.",
    )  # fmt: skip


def _client(entry: Entry, texts: Texts, several: bool) -> Sequence[Field]:
    when = "when oauth inset" if several else ""
    needs = entry.needs_client
    help = "Of the client that you make at the provider." if needs else "Only where the provider gives none by itself."
    controls = [
        control("oauth_client_id", "Client id", texts, required=needs and not several, when=when, help=help),
        control("oauth_client_secret", "Client secret", {}, "password", when=when, autocomplete="new-password"),
    ]
    return controls if needs or several else [fold("A client that was made by hand", controls)]
