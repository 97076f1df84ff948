"""The page of the settings: what holds here, where it comes from, and what it means. For administrators."""

from itertools import groupby
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from auth_app.current import actor_of
from gatewaysite.responses import render_page
from gatewaysite.validation import validated
from proxy_app.observe.effective.bodies import Asked, SettingData
from proxy_app.observe.effective.reading import settings_for
from proxy_app.registry.query import single_values

Plain = dict[str, Any]


@require_safe
def settings(request: HttpRequest) -> HttpResponse:
    """Group by group; for htmx only what a search changes."""
    given = {name: value for name, value in single_values(request.GET).items() if value.strip()}
    asked = validated(Asked, given, where="query")
    told = settings_for(actor_of(request), asked)
    rows = told["settings"]
    context = {
        "section": "settings",
        "groups": [_group(name, list(members)) for name, members in groupby(rows, key=lambda one: one["group"])],
        "total": len(rows),
        "changed": sum(one["changed"] for one in rows),
        "search": asked.search,
        "changed_only": asked.changed,
        "findings": [one | {"tone": "bad" if one["level"] == "error" else "warn"} for one in told["findings"]],
    }
    template = "settings/list.html#found" if request.headers.get("HX-Request") else "settings/list.html"
    response = render_page(request, template, context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _group(name: str, members: list[SettingData]) -> Plain:
    """What differs from its default first; the others stay as `.env.example` has them."""
    first = sorted(members, key=lambda one: not one["changed"])
    return {"name": name, "rows": [one | {"shown": _shown(one), "changed": one["changed"]} for one in first]}


def _shown(setting: SettingData) -> str:
    if setting["is_secret"]:
        return "set, not shown" if setting["is_set"] else "not set"
    return setting["value"] or "empty"
