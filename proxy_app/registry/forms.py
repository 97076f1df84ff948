"""The forms that add and edit items: what they hold, the body they stand for, and errors back at their controls.

A control is a plain dict; the rules are those of the kind's pydantic models, the same that JSON bodies obey.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.http import QueryDict

from gatewaysite.controls import FALSE, Field, Item, Texts, choices, control, every_control, with_messages
from gatewaysite.errors import BadInput, Conflict, FieldError, GatewayError
from proxy_app.registry.access import Scope
from proxy_app.registry.kind import Kind
from proxy_app.registry.kind_pages import page_of
from proxy_app.registry.page import Files, Filling

VISIBILITIES = (("public", "Everybody"), ("team", "A team"), ("private", "Only me"))
# Members of a body that are objects, whose own members have controls: and what the names of those begin with.
NESTED = {"pool_options": "", "oauth_config": "oauth_", "oauth_credentials": "oauth_"}


def fields_for(kind: Kind, filling: Filling, scope: Scope) -> list[Field]:
    """The form's controls, filled in."""
    return [*page_of(kind).fields(filling), *scope_fields(filling.texts, scope)]


def blank_texts(kind: Kind, scope: Scope) -> Texts:
    """What an empty form holds."""
    return {"visibility": "public" if scope.may_publish else "private", **page_of(kind).blank}


def offered_texts(kind: Kind, query: QueryDict) -> Texts:
    """What a link to an empty form fills in: text controls, and the sort of credential."""
    return {name: text[:2000] for name in (*page_of(kind).shown, "auth_type") if (text := query.get(name, ""))}


def texts_of(kind: Kind, item: Item) -> Texts:
    """What the form of an existing item holds. Secrets are never among it."""
    page = page_of(kind)
    return {
        **{name: item[member] or "" for name, member in page.shown.items()},
        "description": item["description"] or "",
        "tags": ", ".join(tag["label"] for tag in item["tags"]),
        "visibility": item["visibility"],
        "team_id": item["teamId"] or "",
        **page.texts(item),
    }


class SavedMeanwhile(BadInput):
    """Somebody saved the item while its form was open."""

    status, code = 409, "saved_meanwhile"


def saved_meanwhile(kind: Kind, texts: Texts, item: Item) -> SavedMeanwhile:
    """What stands in the way of these texts: at each control that differs, what the item says now."""
    theirs = texts_of(kind, item)
    differing = (name for name, text in theirs.items() if _typed(name, texts.get(name, FALSE)) != _typed(name, text))
    said = [FieldError(("body", name), f"It says “{theirs[name] or 'nothing'}” now.") for name in differing]
    who = item["modifiedBy"] or "Somebody"
    message = f"{who} changed it while you did. Saving again puts what stands here in its place."
    return SavedMeanwhile(fields=[FieldError(("body",), message), *said])


def posted_texts(post: QueryDict) -> Texts:
    return {name: text for name, text in post.items() if isinstance(text, str)}


def body_of(kind: Kind, post: QueryDict, files: Files | None = None) -> dict[str, Any]:
    """The body a JSON client would have sent in place of this form."""
    page = page_of(kind)
    texts = {name: _typed(name, text) for name, text in posted_texts(post).items()}
    return {
        **{name: texts.get(name, "") for name in page.shown if texts.get(name) or name in page.needed},
        "description": texts.get("description") or None,
        "tags": [tag for part in texts.get("tags", "").split(",") if (tag := part.strip())],
        "visibility": texts.get("visibility", ""),
        "team_id": (texts.get("team_id") or None) if texts.get("visibility") == "team" else None,
        **page.body(texts, post),
        **(page.uploads(files or {}) if page.uploads else {}),
    }


def _typed(name: str, text: str) -> str:
    """A text as it was meant: browsers end lines with CR LF, people leave blanks. A secret is left as it is."""
    return text if name.startswith(("auth_", "oauth_client_secret")) else text.replace("\r\n", "\n").strip()


def with_errors(kind: Kind, fields: Sequence[Field], error: GatewayError) -> tuple[list[Field], list[dict[str, str]]]:
    """The controls with their errors, and the summary. What fits no control is in the summary alone."""
    labels = {field["key"]: field["label"] for field in every_control(fields)}
    messages: dict[str, str] = {}
    summary = []
    for name, message in _complaints(error, page_of(kind).same_as):
        if name in labels:
            messages.setdefault(name, message)
        summary.append({"id": name if name in labels else "", "label": labels.get(name, ""), "message": message})
    return with_messages(fields, messages), summary


def _complaints(error: GatewayError, same_as: Mapping[str, str]) -> list[tuple[str, str]]:
    if isinstance(error, BadInput) and error.fields:
        named = ((_field_name(one.loc), _sentence(one.type, one.msg)) for one in error.fields)
        return [(same_as.get(name, name), message) for name, message in named]
    return [("name" if isinstance(error, Conflict) else "", error.message)]


def _field_name(loc: Sequence[str | int]) -> str:
    """The control a complaint belongs to: `("body", "authToken")` is about `auth_token`; each option has one too."""
    names = [_snake(str(part)) for part in loc[1:3]]
    if len(names) == 2 and names[0] in NESTED:
        return NESTED[names[0]] + names[1]
    return names[0] if names else ""


def _snake(name: str) -> str:
    return re.sub(r"([A-Z])", r"_\1", name).lower()


def _sentence(type_: str, message: str) -> str:
    if type_ in {"missing", "string_too_short", "too_short"}:
        return "This is needed."
    if type_ in {"string_too_long", "too_long"} and (limit := re.match(r"(?:String|Value) .* at most (\d+)", message)):
        return f"This is too long: at most {limit[1]} characters."
    if type_ == "string_pattern_mismatch":  # only names of tools have a pattern, and that is no sentence
        return "Names of tools have letters, digits, underscores, dots and hyphens only, at most 128."
    message = message.removeprefix("Value error, ")
    return message if message.endswith((".", "!", "?")) else f"{message}."


def scope_fields(texts: Texts, scope: Scope) -> list[Field]:
    """What every form ends in: tags, and who may see the item."""
    return [control("tags", "Tags", texts, help="Separated by commas."), *scope_controls(texts, scope)]


def scope_controls(texts: Texts, scope: Scope) -> list[Field]:
    """Who may see the item. What this person may not choose is shown, switched off, with the reason."""
    visibilities = choices(VISIBILITIES)
    if not scope.may_publish and texts.get("visibility") != "public":
        visibilities[0] |= {"label": "Everybody (only administrators publish)", "disabled": True}
    if not scope.teams and texts.get("visibility") != "team":
        visibilities[1] |= {"label": "A team (you are a member of none)", "disabled": True}
    teams = choices(scope.teams)
    return [
        control("visibility", "Visible to", texts, "select", required=True, chooses=True, choices=visibilities),
        control("team_id", "Team", texts, "select", unset="Choose a team", choices=teams, when="when team inset"),
    ]
