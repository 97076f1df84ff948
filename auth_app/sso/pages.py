"""The pages of single sign-on: providers, one of them with its rules, and who waits to be let in."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from auth_app.actor import Actor
from auth_app.current import actor_of
from auth_app.forms import Plain, with_errors
from auth_app.policy import may, require
from auth_app.sso import forms, work
from auth_app.sso.bodies import ApprovalAction, ProviderData, SsoProviderCreate, SsoProviderUpdate
from auth_app.sso.presets import PRESETS
from auth_app.sso.review.work import decide, list_waiting, preview
from auth_app.sso.trying import try_out
from auth_app.stamps import stamp_of
from gatewaysite.controls import Texts
from gatewaysite.errors import BadInput, Conflict, NotFound
from gatewaysite.responses import redirect_after, render_page
from gatewaysite.validation import validated

WHY_NOT = "This needs the permission sso.update."


@require_safe
def providers(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    waiting = list_waiting(actor) if may(actor, "sso.approve") else []
    context = {
        "section": "sso",
        "rows": [_row(one) for one in work.list_providers(actor)],
        "waiting": waiting,
        "can_create": may(actor, "sso.create"),
        "sees_people": may(actor, "users.read"),
    }
    return render_page(request, "sso/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """First the preset, then the form."""
    actor = actor_of(request)
    require(actor, "sso.create")
    key = request.GET.get("preset", "")
    if key not in PRESETS:
        presets = [{"key": key, "name": one.name, "hint": one.hint} for key, one in PRESETS.items()]
        return render_page(request, "sso/presets.html", {"section": "sso", "presets": presets})
    if request.method != "POST":
        return _new_form(request, key, forms.texts_of_preset(key))
    form = request.POST.dict()
    body = forms.body_of(form, kind=PRESETS[key].kind) | {"id": form.get("id", "").strip(), "preset": key}
    try:
        made = work.create_provider(actor, validated(SsoProviderCreate, body), stamp_of(request, actor, via="ui"))
    except (BadInput, Conflict) as error:
        return _new_form(request, key, _typed(form), error)
    messages.success(request, "It is there. Give the provider the callback address below, then test it.", "ok")
    return redirect_after("page-sso-item", made["id"])


@require_http_methods(["GET", "HEAD", "POST"])
def provider(request: HttpRequest, key: str) -> HttpResponse:
    actor = actor_of(request)
    found = work.read_provider(actor, key)
    if request.method != "POST":
        return _page(request, actor, found)
    form = request.POST.dict()
    body = forms.body_of(form, kind=found["provider_type"])
    try:
        work.update_provider(actor, key, validated(SsoProviderUpdate, body), stamp_of(request, actor, via="ui"))
    except BadInput as error:
        return _page(request, actor, found, texts=_typed(form), error=error)
    return _saved(request, key, "The settings are saved.")


@require_POST
def rules(request: HttpRequest, key: str) -> HttpResponse:
    actor = actor_of(request)
    found = work.read_provider(actor, key)
    said = forms.rules_in(request.POST.dict())
    try:
        body = validated(SsoProviderUpdate, {"rules": said})
        work.update_provider(actor, key, body, stamp_of(request, actor, via="ui"))
    except BadInput as error:
        wrong = [{"id": "", "label": "Rules", "message": one.msg} for one in error.fields]
        return _page(request, actor, found | {"rules": said}, status=422, rule_errors=wrong)
    return _saved(request, key, "The rules are saved. They count from each person's next log-in on.", "#rules")


@require_POST
def test(request: HttpRequest, key: str) -> HttpResponse:
    """Ask the provider, with nothing held, and show what it says."""
    actor = actor_of(request)
    found = work.read_provider(actor, key)
    return _page(request, actor, found, tested=try_out(work.entry_to_try(actor, key)))


@require_POST
def try_rules(request: HttpRequest, key: str) -> HttpResponse:
    """What the rules would do. Nothing is given or taken."""
    actor = actor_of(request)
    found, form = work.read_provider(actor, key), request.POST.dict()
    try:
        shown = preview(actor, key, forms.claims_in(form), form.get("email", "").strip())
    except BadInput as error:
        fields, wrong = with_errors(forms.preview_fields(_typed(form)), error)
        return _page(request, actor, found, status=422, preview_fields=fields, preview_errors=wrong)
    shown["claims"] = forms.as_json(shown["claims"])
    return _page(request, actor, found, preview_fields=forms.preview_fields(_typed(form)), preview=shown)


@require_POST
def delete(request: HttpRequest, key: str) -> HttpResponse:
    actor = actor_of(request)
    work.delete_provider(actor, key, stamp_of(request, actor, via="ui"))
    messages.success(request, f"{key} is gone, with what its rules gave.", "ok")
    return redirect_after("page-sso")


@require_POST
def approval(request: HttpRequest, key: str) -> HttpResponse:
    actor = actor_of(request)
    said = {"action": request.POST.get("action", ""), "reason": request.POST.get("reason", "")}
    try:
        body = validated(ApprovalAction, said)
        email = decide(actor, key, body, stamp_of(request, actor, via="ui"))
    except (BadInput, Conflict, NotFound) as error:
        messages.error(request, error.message, "warn")
    else:
        words = "may come in: the next log-in works." if body.action == "approve" else "stays out."
        messages.success(request, f"{email} {words}", "ok")
    return redirect_after("page-sso")


def _new_form(request: HttpRequest, key: str, texts: Texts, error: BadInput | Conflict | None = None) -> HttpResponse:
    preset = PRESETS[key]
    fields = forms.fields_of(texts, key, kind=preset.kind, secret_set=False, new=True)
    errors: list[Plain] = []
    if error:
        fields, errors = with_errors(fields, error, clash="id")
    context = {"section": "sso", "name": preset.name, "hint": preset.hint, "fields": fields, "errors": errors,
               "query": f"?preset={key}", "cancel": reverse("page-sso")}  # fmt: skip
    return render_page(request, "sso/new.html", context, status=422 if error else 200)


def _page(
    request: HttpRequest,
    actor: Actor,
    found: ProviderData | Plain,
    *,
    texts: Texts | None = None,
    error: BadInput | Conflict | None = None,
    status: int = 200,
    **shown: Any,
) -> HttpResponse:
    """The provider's page. `shown`: what one of its forms has brought to light."""
    preset = PRESETS.get(found["preset"], PRESETS["oidc"])
    fields = forms.fields_of(
        texts or forms.texts_of(found), found["preset"], kind=found["provider_type"],
        secret_set=found["has_client_secret"], new=False,
    )  # fmt: skip
    errors: list[Plain] = []
    if error:
        fields, errors = with_errors(fields, error, clash="id")
    roles, teams = work.choices_for_rules()
    context = {
        "section": "sso", "provider": _row(found), "hint": preset.hint, "fields": fields, "errors": errors,
        "back": f"{settings.PUBLIC_URL}{reverse('login')}",
        "callback": found["callback_url"], "logout": f"{found['callback_url'].replace('/callback/', '/logout/')}",
        "rules": forms.rule_rows(found["rules"], preset.groups), "operations": forms.operations(),
        "gives": forms.gives_choices(roles), "teams": [{"value": value, "label": label} for value, label in teams],
        "rejected": work.list_errors(actor, found["id"]),
        "can_edit": may(actor, "sso.update"), "can_delete": may(actor, "sso.delete"), "why_not": WHY_NOT,
        "rule_errors": [], "tested": None, "preview": None, "preview_errors": [],
        "preview_fields": forms.preview_fields({}),
    }  # fmt: skip
    return render_page(request, "sso/provider.html", context | shown, status=422 if error else status)


def _typed(form: dict[str, str]) -> Texts:
    return {name: text for name, text in form.items() if name != "client_secret"}


def _saved(request: HttpRequest, key: str, words: str, where: str = "") -> HttpResponse:
    messages.success(request, words, "ok")
    return redirect_after(reverse("page-sso-item", args=[key]) + where)


def _row(found: ProviderData | Plain) -> Plain:
    new = "wait for approval" if found["approval_required"] else "get in"
    word, tone = ("Enabled", "ok") if found["is_enabled"] else ("Off", "off")
    return {
        "id": found["id"],
        "name": found["display_name"],
        "issuer": found["issuer"],
        "preset": PRESETS.get(found["preset"], PRESETS["oidc"]).name,
        "new_people": new if found["auto_create_users"] else "stay out",
        "domains": found["trusted_domains"],
        "rules": len(found["rules"]),
        "state": {"word": word, "tone": tone},
    }
