"""The pages of roles: those there are and who has them, a new one, and one with its permissions and its people."""

from datetime import date

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from auth_app.actor import Actor
from auth_app.current import actor_of
from auth_app.forms import Plain, done, texts_of, with_errors
from auth_app.grants import work as grants
from auth_app.policy import ExceedsGrantor, may, require
from auth_app.roles import work
from auth_app.roles.bodies import GrantData, RoleAssign, RoleCreate, RoleData, RoleUpdate
from auth_app.roles.matrix import matrix
from auth_app.stamps import stamp_of
from auth_app.teams.work import teams_where
from gatewaysite.controls import Field, Texts, choices, control
from gatewaysite.errors import BadInput, Conflict
from gatewaysite.listing import Cell, heading, row, table
from gatewaysite.responses import redirect_after, render_page
from gatewaysite.validation import bad_field, validated

SCOPES = (("global", "Everywhere"), ("team", "In a team"))
PLACES = {"global": "everywhere", "team": "in a team"}
COMES_WITH = {
    "platform_admin": "administrators",
    "team_admin": "owners of a team",
    "developer": "members of a team",
    "viewer": "viewers of a team",
}
NAMED = 3
HEADINGS = (
    heading("Name"),
    heading("Given", "second"),
    heading("Permissions", "third", end=True),
    heading("Who has it"),
)

type Wrong = BadInput | Conflict | ExceedsGrantor


@require_safe
def roles(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    holders = grants.all_holders(actor)
    rows = [_row(role, holders.get(role["id"], [])) for role in work.list_roles(actor)]
    context = {
        "section": "roles",
        "title": "Roles",
        "table": table("Roles, those that come with the gateway first", HEADINGS, rows),
        "may_create": may(actor, "roles.create"),
    }
    return render_page(request, "roles/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    require(actor, "roles.create")
    if request.method != "POST":
        return _new_form(request, actor, {"scope": "global"}, [])
    texts, ticked = texts_of(request), request.POST.getlist("permissions")
    try:
        body = validated(RoleCreate, _body(texts, ticked) | {"scope": texts.get("scope", "")})
        made = work.create_role(actor, body, stamp_of(request, actor, via="ui"))
    except (BadInput, Conflict, ExceedsGrantor) as error:
        return _new_form(request, actor, texts, ticked, error)
    messages.success(request, f"The role {made['name']} is there; give it to somebody here.", "ok")
    return redirect_after("page-roles-item", made["id"])


@require_http_methods(["GET", "HEAD", "POST"])
def role(request: HttpRequest, key: str) -> HttpResponse:
    """What it permits, to be changed by those who may, and who has it."""
    actor = actor_of(request)
    found = work.read_role(actor, key)
    if request.method != "POST":
        texts = {name: str(found[name] or "") for name in ("name", "description", "inherits_from")}
        return _page(request, actor, found, texts, found["permissions"])
    texts, ticked = texts_of(request), request.POST.getlist("permissions")
    try:
        changed = work.update_role(
            actor, key, validated(RoleUpdate, _body(texts, ticked)), stamp_of(request, actor, via="ui")
        )
    except (BadInput, Conflict, ExceedsGrantor) as error:
        return _page(request, actor, found, texts, ticked, error)
    messages.success(request, f"{changed['name']} was changed. It counts at once.", "ok")
    return redirect_after("page-roles-item", found["id"])


@require_POST
def delete(request: HttpRequest, key: str) -> HttpResponse:
    actor = actor_of(request)
    try:
        gone = work.delete_role(actor, key, stamp_of(request, actor, via="ui"))
    except Conflict as error:
        messages.error(request, error.message, "bad")
        return redirect_after("page-roles-item", key)
    messages.success(request, f"The role {gone['name']} was deleted.", "ok")
    return redirect_after("page-roles")


@require_POST
def give(request: HttpRequest, key: str) -> HttpResponse:
    actor = actor_of(request)
    texts = texts_of(request)

    def act() -> str:
        team = texts.get("team", "")
        asked = {"role_id": key, "scope": "team" if team else "global", "scope_id": team or None}
        body = validated(RoleAssign, asked | {"expires_at": _end_of(texts.get("until", ""))})
        made = grants.grant(actor, texts.get("email", ""), body, stamp_of(request, actor, via="ui"))
        return f"{made['user_email']} has the role {made['role_name']} now."

    return done(request, act, "page-roles-item", key)


@require_POST
def take(request: HttpRequest, key: str) -> HttpResponse:
    actor = actor_of(request)
    texts = texts_of(request)

    def act() -> str:
        team = texts.get("team") or None
        where = validated(RoleAssign, {"role_id": key, "scope": "team" if team else "global", "scope_id": team})
        stamp = stamp_of(request, actor, via="ui")
        gone = grants.revoke(actor, texts.get("email", ""), key, where.scope, where.scope_id, stamp)
        return f"{gone['user_email']} has the role {gone['role_name']} no more."

    return done(request, act, "page-roles-item", key)


def _new_form(
    request: HttpRequest, actor: Actor, texts: Texts, ticked: list[str], error: Wrong | None = None
) -> HttpResponse:
    scope = control("scope", "May be given", texts, "select", required=True, choices=choices(SCOPES))
    fields, errors = _fields(texts, work.list_roles(actor), scope), list[Plain]()
    if error:
        fields, errors = with_errors(fields, error)
    context = {
        "section": "roles",
        "fields": fields,
        "errors": errors,
        "lines": matrix(actor, ticked),
        "cancel": reverse("page-roles"),
    }
    return render_page(request, "roles/new.html", context, status=422 if error else 200)


def _page(
    request: HttpRequest, actor: Actor, found: RoleData, texts: Texts, ticked: list[str], error: Wrong | None = None
) -> HttpResponse:
    others = [role for role in work.list_roles(actor) if role["id"] != found["id"]]
    fields, errors = _fields(texts, others), list[Plain]()
    if error:
        fields, errors = with_errors(fields, error)
    teams = teams_where(actor, "roles.grant")
    names = dict(teams)
    context = {
        "section": "roles",
        "role": {**found, "url": reverse("page-roles-item", args=[found["id"]]), "place": PLACES[found["scope"]],
                 "comes_with": COMES_WITH.get(found["name"], "") if found["is_system_role"] else ""},
        "fields": fields,
        "errors": errors,
        "lines": matrix(actor, ticked, found["effective_permissions"]),
        "why_not": _why_not(actor, found),
        "holders": [_holder(one, names) for one in grants.holders_of(actor, found["id"])],
        "teams": choices(teams),
        "may_give": bool(teams) if found["scope"] == "team" else may(actor, "roles.grant"),
        "depends": work.what_depends_on(actor, found["id"]),
        "may_delete": may(actor, "roles.delete") and not found["is_system_role"],
    }  # fmt: skip
    return render_page(request, "roles/role.html", context, status=422 if error else 200)


def _fields(texts: Texts, roles: list[RoleData], *more: Field) -> list[Field]:
    parents = [(role["id"], role["name"]) for role in roles]
    return [
        control("name", "Name", texts, required=True),
        control("description", "Description", texts, "long"),
        *more,
        control("inherits_from", "Has also what another role has", texts, "select", choices=choices(parents),
                unset="Nothing but its own"),
    ]  # fmt: skip


def _body(texts: Texts, ticked: list[str]) -> Plain:
    """What a JSON client would send."""
    return {
        "name": texts.get("name", ""),
        "description": texts.get("description") or None,
        "permissions": ticked,
        "inherits_from": texts.get("inherits_from") or None,
    }


def _why_not(actor: Actor, found: RoleData) -> str:
    if found["is_system_role"]:
        return "It comes with the gateway and cannot be changed. Make a role that inherits from it to add something."
    return "" if may(actor, "roles.update") else "Changing roles needs the permission roles.update everywhere."


def _row(role: RoleData, holders: list[str]) -> Plain:
    more = len(holders) - NAMED
    named = ", ".join(holders[:NAMED]) + (f" and {more} more" if more > 0 else "")
    comes_with = COMES_WITH.get(role["name"], "") if role["is_system_role"] else ""
    who = "; ".join(filter(None, (comes_with[:1].upper() + comes_with[1:], named)))
    cells: list[Cell] = [
        ("text", PLACES[role["scope"]]),
        ("text", len(role["effective_permissions"])),
        ("text", who) if who else ("muted", "nobody"),
    ]
    tag = "comes with the gateway" if role["is_system_role"] else ""
    path = reverse("page-roles-item", args=[role["id"]])
    return row(role["name"], path, cells, what=role["description"] or "", tag=tag)


def _holder(one: GrantData, teams: dict[str, str]) -> Plain:
    team = one["scope_id"]
    return {
        "email": one["user_email"],
        "team": team or "",
        "where": (teams.get(team) or "a team") if team else "everywhere",
        "by": one["granted_by"],
        "until": one["expires_at"],
        "over": not one["is_active"],
    }


def _end_of(day: str) -> str | None:
    """The end of a day, in UTC."""
    if not day:
        return None
    try:
        return f"{date.fromisoformat(day)}T23:59:59Z"
    except ValueError as error:
        raise bad_field("until", "This is no day, such as 2030-12-31") from error
