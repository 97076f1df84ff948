"""The pages of a person's own API tokens: those there are, a new one with its secret shown once, and revoking one."""

from collections.abc import Sequence

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from auth_app.actor import Actor
from auth_app.current import actor_of
from auth_app.forms import Plain, texts_of, with_errors
from auth_app.stamps import stamp_of
from auth_app.teams.work import teams_of
from auth_app.tokens import work
from auth_app.tokens.bodies import TokenCreate, TokenData
from gatewaysite.controls import Field, Texts, choices, control
from gatewaysite.errors import BadInput, Conflict
from gatewaysite.listing import Cell, heading, row, table
from gatewaysite.responses import redirect_after, render_page
from gatewaysite.validation import validated

SHOWN = 200
USAGE_DAYS = 30
LASTS = (("7", "7 days"), ("30", "30 days"), ("90", "90 days"), ("365", "a year"))
HEADINGS = (
    heading("Name"),
    heading("State"),
    heading("Limited to", "second"),
    heading("Valid until", "third"),
    heading("Last used", "third"),
)
# What people choose among; the words, and the patterns.
MAY = {
    "all": ("Everything you may", ()),
    "read": ("Only look", ("*.read",)),
    "use": ("Look, and use tools, servers and routes", ("*.read", "*.execute", "*.use")),
}


@require_safe
def tokens(request: HttpRequest) -> HttpResponse:
    everything = "all" in request.GET
    found, total = work.list_tokens(actor_of(request), limit=SHOWN, offset=0, inactive=everything)
    context = {
        "section": "tokens",
        "title": "API tokens",
        "table": table("Your API tokens, newest first", HEADINGS, map(_listed, found), tail="tokens/revoke.html"),
        "left_out": total - len(found),
        "everything": everything,
    }
    return render_page(request, "tokens/list.html", context)


@require_safe
def token(request: HttpRequest, key: str) -> HttpResponse:
    """One token: what it is held to, and what it was used for."""
    actor = actor_of(request)
    found, usage = work.read_token(actor, key), work.usage_of_token(actor, key, USAGE_DAYS)
    most = max((day["requests"] for day in usage["days"]), default=0)
    context = {
        "section": "tokens",
        "token": _row(found),
        "description": found["description"],
        "usage": usage,
        "most": most,
    }
    return render_page(request, "tokens/token.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """The form, or the new token with its secret: the one answer that has it, so no redirect and nothing stored."""
    actor = actor_of(request)
    if request.method != "POST":
        return _form(request, actor, {"expires_in_days": "90", "may": "all"})
    texts = texts_of(request)
    try:
        made = work.create_token(actor, validated(TokenCreate, _body(texts)), stamp_of(request, actor, via="ui"))
    except (BadInput, Conflict) as error:
        return _form(request, actor, texts, error)
    context = {"section": "tokens", "token": _row(made["token"]), "secret": made["access_token"]}
    response = render_page(request, "tokens/made.html", context, status=201)
    response["Cache-Control"] = "no-store"
    return response


@require_POST
def revoke(request: HttpRequest, key: str) -> HttpResponse:
    actor = actor_of(request)
    token = work.read_token(actor, key)
    try:
        work.revoke_token(actor, key, "", stamp_of(request, actor, via="ui"))
    except Conflict as error:
        messages.error(request, error.message, "warn")
    else:
        messages.success(request, f"{token['name']} was revoked: nobody gets in with it any more.", "ok")
    return redirect_after("page-tokens")


def _form(request: HttpRequest, actor: Actor, texts: Texts, error: BadInput | Conflict | None = None) -> HttpResponse:
    fields = _fields(texts, teams_of(actor))
    errors: list[Plain] = []
    if error:
        fields, errors = with_errors(fields, error)
    context = {"section": "tokens", "fields": fields, "errors": errors, "cancel": reverse("page-tokens")}
    return render_page(request, "tokens/new.html", context, status=422 if error else 200)


def _fields(texts: Texts, teams: Sequence[tuple[str, str]]) -> list[Field]:
    may = [(key, words) for key, (words, _patterns) in MAY.items()]
    fields = [
        control("name", "Name", texts, required=True, help="What it is for: the program, or the machine."),
        control("expires_in_days", "Valid for", texts, "select", required=True, choices=choices(LASTS)),
        control("may", "May do", texts, "select", required=True, choices=choices(may),
                help="Never more than you may yourself, at the moment it is used."),
    ]  # fmt: skip
    if teams:
        fields.append(
            control("team_id", "Only in the team", texts, "select", choices=choices(teams), unset="All your teams",
                    help="Then it sees what this team has and what is public, and nothing of your own.")
        )  # fmt: skip
    return [
        *fields,
        control("ip_restrictions", "Only from these networks", texts, "lines",
                help="One in a line, such as 10.0.0.0/8 or 2001:db8::1. Empty: from anywhere."),
        control("rate", "Rate limit", texts, help="Such as 100/minute, or 10/second; 5000/hour. Empty: the default.",
                placeholder="no limit"),
    ]  # fmt: skip


def _body(texts: Texts) -> Plain:
    """What a JSON client would send."""
    return {
        "name": texts.get("name", ""),
        "expires_in_days": texts.get("expires_in_days", ""),
        "team_id": texts.get("team_id") or None,
        "scope": {
            "permissions": list(MAY.get(texts.get("may", ""), MAY["read"])[1]),
            "ip_restrictions": texts.get("ip_restrictions", "").split(),
            "usage_limits": {"rate": texts.get("rate", "")},
        },
    }


def _listed(token: TokenData) -> Plain:
    told = _row(token)
    limits: Cell = ("text", "; ".join(told["limits"])) if told["limits"] else ("muted", "nothing: all you may")
    cells: list[Cell] = [
        ("state", told["state"]),
        limits,
        ("past", {"at": told["expires_at"], "otherwise": "never ends"}),
        ("past", {"at": told["last_used"], "otherwise": "not yet"}),
    ]
    path, what = reverse("page-tokens-item", args=[told["id"]]), f"ends in {told['ending']}"
    return row(told["name"], path, cells, what=what, key=told["id"], live=told["live"])


def _row(token: TokenData) -> Plain:
    word, tone = ("Live", "ok") if token["is_active"] else ("Expired", "off")
    if token["is_revoked"]:
        word, tone = "Revoked", "off"
    return {
        "id": token["id"],
        "name": token["name"],
        "ending": token["last_four"],
        "state": {"word": word, "tone": tone},
        "live": token["is_active"],
        "expires_at": token["expires_at"],
        "last_used": token["last_used"],
        "limits": _limits(token),
    }


def _limits(token: TokenData) -> list[str]:
    """What its scope takes away, in words."""
    patterns = frozenset(token["resource_scopes"])
    may = next((words for words, known in MAY.values() if known and patterns == frozenset(known)), "")
    return [
        *([may or ", ".join(sorted(patterns))] if patterns else []),
        *(["one team only"] if token["team_id"] else []),
        *(["one server only"] if token["server_id"] else []),
        *([f"from {', '.join(token['ip_restrictions'])}"] if token["ip_restrictions"] else []),
        *(["at certain times"] if token["time_restrictions"] else []),
        *([token["usage_limits"]["rate"]] if token["usage_limits"] else []),
    ]
