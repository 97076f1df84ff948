"""The pages of decisions: what was denied, why, and a form to ask what would be."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from auth_app.audit.showing import object_url
from auth_app.current import actor_of
from auth_app.decisions import work
from auth_app.decisions.bodies import CheckData, DenialData, DenialParameters, PermissionCheck, plain_texts
from auth_app.decisions.choosers import kind_chooser, permission_chooser
from auth_app.decisions.reading import may_audit
from auth_app.decisions.words import ObjectData, RuleData
from auth_app.forms import Plain, with_errors
from auth_app.permissions import catalogue, kind_words
from gatewaysite import listing
from gatewaysite.controls import Field, choices, control
from gatewaysite.errors import BadInput
from gatewaysite.responses import render_page
from gatewaysite.validation import validated

HEADINGS = (
    listing.heading("Wanted"),
    listing.heading("Item"),
    listing.heading("Who", "second"),
    listing.heading("Why not", "third"),
    listing.heading("When", end=True),
)


@require_safe
def denials(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    asked = validated(DenialParameters, plain_texts(request.GET), where="query")
    found, cursor = work.list_denials(actor, asked)
    narrowed = bool(asked.model_dump(exclude_defaults=True, exclude={"limit", "cursor"}))
    context: Plain = {
        "section": "denials",
        "title": "Denials",
        "table": listing.table("Denials, newest first", HEADINGS, map(_listed, found)),
        "filters": listing.filters(
            "Person",
            request.GET,
            name="user",
            search=asked.user,
            active=narrowed,
            choosers=[permission_chooser("permission", asked.permission), kind_chooser("kind", asked.kind)],
            placeholder="Whose: an e-mail address",
        ),
        "steps": listing.steps(request.GET, here=asked.cursor, older=cursor),
        "everything": may_audit(actor),
    }
    return render_page(request, "decisions/denials.html", context)


@require_safe
def denial(request: HttpRequest, key: str) -> HttpResponse:
    found = work.read_denial(actor_of(request), key)
    again = {"user_email": found["user_email"], "permission": found["permission"]}
    about = found["object"]
    if about["id"]:
        again |= {"resource_type": about["kind"], "resource_id": about["id"]}
    context = {
        "section": "denials",
        "row": _row(found) | {"at": found["at"], "hidden": found["hidden"], "id": found["id"]},
        "explanation": found["explanation"],
        "rules": [_rule(rule) for rule in found["explanation"]["rules"]],
        "request_id": found["request_id"],
        "again": f"{reverse('page-explain')}{_query(again)}" if found["permission"] else "",
        "audited": f"{reverse('page-audit')}{_query({'request_id': found['request_id']})}",
    }
    return render_page(request, "decisions/denial.html", context)


@require_safe
def ask(request: HttpRequest) -> HttpResponse:
    """The form, and the answer under it. It asks and changes nothing, so its address can be passed on."""
    actor = actor_of(request)
    texts = plain_texts(request.GET)
    answer, error = None, None
    if texts:
        try:
            answer = work.check(actor, validated(PermissionCheck, texts, where="query"))
        except BadInput as bad:
            error = bad
    texts.setdefault("user_email", actor.email)
    fields, errors = _fields(texts), list[Plain]()
    if error:
        fields, errors = with_errors(fields, error)
    context = {
        "section": "denials",
        "fields": fields,
        "answer": _answer(answer) if answer else None,
        "errors": errors,
    }
    return render_page(request, "decisions/ask.html", context, status=422 if error else 200)


def _answer(found: CheckData) -> Plain:
    return {
        "email": found["user_email"],
        "permission": found["permission"],
        "granted": found["granted"],
        "object": _object(found["object"]),
        "explanation": found["explanation"],
        "rules": [_rule(rule) for rule in found["explanation"]["rules"]],
        "items": found["items"],
    }


def _fields(texts: dict[str, str]) -> list[Field]:
    everything = [(name, name) for names in catalogue.by_kind().values() for name in names]
    kinds = [(kind, kind_words(kind)) for kind in catalogue.by_kind()]
    return [
        control("user_email", "Person", texts, help="An e-mail address. Of others only who may read the audit asks."),
        control("token_id", "With the API token", texts, help="Its id; then its scope counts too."),
        control("permission", "Wants to", texts, "select", required=True, choices=choices(everything)),
        control(
            "resource_type", "Kind of item", texts, "select", choices=choices(kinds), unset="That of the permission"
        ),
        control("resource_id", "Item", texts, help="Its id or slug. Empty: any item of the kind."),
    ]


def _listed(found: DenialData) -> Plain:
    told = _row(found)
    about, token = told["object"], told["token"]
    kind = f"{about['kind']}, hidden from them" if told["hidden"] else about["kind"]
    cells: list[listing.Cell] = [
        ("item", about | {"what": kind}),
        ("item", {"name": told["email"], "what": f"token {token}" if token else ""}),
        ("text", told["why"]),
        ("time", told["last_at"]),
    ]
    path = reverse("page-explain-item", args=[told["id"]])
    times = f"{told['count']} times in that minute" if told["count"] > 1 else ""
    return listing.row(told["permission"] or "To use a token", path, cells, what=times)


def _row(found: DenialData) -> Plain:
    return {
        "id": found["id"],
        "last_at": found["last_at"],
        "count": found["count"],
        "email": found["user_email"],
        "token": found["token_name"] or "",
        "permission": found["permission"],
        "object": _object(found["object"]),
        "why": found["explanation"]["summary"],
        "hidden": found["hidden"],
        "via": found["via"],
        "from_ip": found["from_ip"] or "",
    }


def _object(about: ObjectData) -> Plain:
    name = about["name"] or about["id"] or ""
    return {
        "kind": about["kind"],
        "name": name,
        "url": object_url(about["kind"], about["id"] or ""),
        "where": f"team {about['team']}" if about["team"] else (about["visibility"] or ""),
    }


TONES = {"allows": "ok", "passes": "ok", "stops": "bad", "nothing": "off"}
WORDS = {"allows": "Allows it", "passes": "Lets it pass", "stops": "Stops it", "nothing": "Not enough"}


def _rule(rule: RuleData) -> Plain:
    return {"says": rule["says"], "word": WORDS[rule["outcome"]], "tone": TONES[rule["outcome"]]}


def _query(values: dict[str, str]) -> str:
    return f"?{urlencode(values)}"
