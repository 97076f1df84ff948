"""The forms of a provider's pages: its settings, its rules, and a try of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from auth_app.sso.bodies import ClaimRuleData
from auth_app.sso.mapping import STRONGEST
from auth_app.sso.presets import PRESETS
from gatewaysite.controls import Field, Texts, choices, control, fold
from gatewaysite.validation import bad_field

type Plain = dict[str, Any]

CHECKS = (
    "auto_create_users",
    "approval_required",
    "link_by_email",
    "trusts_email_addresses",
    "requires_at_hash",
    "is_enabled",
)
LISTS = ("scopes", "trusted_domains")
LINES = ("display_name", "issuer", "client_id", "authorization_url", "token_url", "userinfo_url")
EMPTY_RULES = 2
OPERATIONS = (("contains", "is or contains"), ("starts_with", "starts with"), ("ends_with", "ends with"))


def texts_of(provider: Mapping[str, Any]) -> Texts:
    """A provider as its form has it."""
    found = {name: str(provider.get(name) or "") for name in LINES}
    found |= {name: "\n".join(provider.get(name) or ()) for name in LISTS}
    return found | {name: "on" if provider.get(name) else "" for name in CHECKS}


def texts_of_preset(key: str) -> Texts:
    preset = PRESETS[key]
    usual = {"auto_create_users": True, "is_enabled": True}
    said = {"display_name": preset.name, "issuer": "" if preset.own_issuer else preset.issuer}
    values = {
        ("trusts_email_addresses" if name == "trusts_email" else name): one for name, one in preset.values.items()
    }
    return texts_of(usual | said | values) | {"id": key}


def fields_of(texts: Texts, preset_key: str, *, kind: str, secret_set: bool, new: bool) -> list[Field]:
    preset = PRESETS.get(preset_key, PRESETS["oidc"])
    name = control("id", "Short name", texts, required=True, placeholder=preset_key,
                   help="Part of the callback address, so it stays: small letters, digits, dashes.")  # fmt: skip
    return [
        *([name] if new else []),
        control("display_name", "Name", texts, required=True, help="As the button on the log-in page has it."),
        control("issuer", "Issuer", texts, required=True, placeholder=preset.issuer,
                help="To the letter as the provider writes it. Another one means other people."),
        control("client_id", "Client id", texts, required=True),
        control("client_secret", "Client secret", {}, "password", autocomplete="new-password",
                help="Kept sealed and never shown. Empty: as it is." if secret_set else "Kept sealed and never shown."),
        control("trusted_domains", "E-mail domains", texts, "lines", placeholder="example.com",
                help="Whom it may bring, one in a line. Empty: people of any domain."),
        control("auto_create_users", "Lets new people in", texts, "check",
                help="Otherwise only those it is linked with already."),
        control("approval_required", "New people wait for an administrator", texts, "check"),
        control("link_by_email", "A verified address is enough to be somebody here", texts, "check",
                help="Whoever the provider vouches for with an address that a person here has, becomes this person."),
        control("is_enabled", "Enabled", texts, "check"),
        _rarely(texts, kind),
    ]  # fmt: skip


def _rarely(texts: Texts, kind: str) -> Field:
    scopes = control("scopes", "Scopes", texts, "lines", required=True, help="One in a line.")
    trusts = control("trusts_email_addresses", "Its addresses count as verified", texts, "check",
                     help="For providers that do not say so, and whose addresses your own people manage.")  # fmt: skip
    if kind == "oauth2":
        urls = [control(name, label, texts, required=True) for name, label in (
            ("authorization_url", "Authorization URL"), ("token_url", "Token URL"), ("userinfo_url", "User info URL"))
        ]  # fmt: skip
        return fold("Protocol", [scopes, *urls, trusts]) | {"open": False, "given": 0}
    needs = control("requires_at_hash", "ID tokens must name their access token", texts, "check",
                    help="By at_hash. Many leave it out; one that is there is checked in any case.")  # fmt: skip
    return fold("Protocol", [scopes, needs, trusts]) | {"open": False, "given": 0}


def body_of(form: Mapping[str, str], *, kind: str) -> Plain:
    """What a JSON client would send."""
    lines = LINES if kind == "oauth2" else LINES[:3]
    body: Plain = {name: form.get(name, "").strip() for name in lines}
    body |= {name: form.get(name, "").split() for name in LISTS}
    body |= {name: name in form for name in CHECKS}
    if secret := form.get("client_secret", "").strip():
        body["client_secret"] = secret
    return body


# --- Rules ------------------------------------------------------------------------------------------------------------


def rule_rows(rules: Sequence[ClaimRuleData], groups: str) -> list[Plain]:
    """The rules there are, and empty ones to fill in."""
    empty: Plain = {"claim": groups, "op": "contains", "value": "", "gives": "", "team": ""}
    rows: list[Plain] = [{**rule, "gives": _gives(rule)} for rule in rules]
    return [row | {"number": number} for number, row in enumerate([*rows, *([empty] * EMPTY_RULES)])]


def gives_choices(roles: Sequence[tuple[str, str]]) -> list[Field]:
    pairs = [("administrator", "Administrator")]
    pairs += [(f"membership:{role}", f"{role.capitalize()} of the team") for role in STRONGEST]
    pairs += [(f"role:{name}", f"Role {label}") for name, label in roles if name != "platform_admin"]
    return choices(pairs)


def rules_in(form: Mapping[str, str]) -> list[Plain]:
    """The rows that say something."""
    numbers = sorted(int(name[6:]) for name in form if name.startswith("value-") and name[6:].isdigit())
    return [_rule(form, number) for number in numbers if form[f"value-{number}"].strip()]


def _rule(form: Mapping[str, str], number: int) -> Plain:
    gives, _, role = form.get(f"gives-{number}", "").partition(":")
    said = {name: form.get(f"{name}-{number}", "").strip() for name in ("claim", "op", "value", "team")}
    return said | {"gives": gives, "role": role, "team": "" if gives == "administrator" else said["team"]}


def _gives(rule: ClaimRuleData) -> str:
    return f"{rule['gives']}:{rule['role']}" if rule["role"] else rule["gives"]


# --- A try of them ----------------------------------------------------------------------------------------------------


def preview_fields(texts: Texts) -> list[Field]:
    return [
        control("email", "Person", texts, "email", placeholder="ann@example.com",
                help="Whose roles to compare with. Without claims: those of this person's last log-in."),
        control("claims", "Claims", texts, "json", placeholder='{"groups": ["admins"]}',
                help="As JSON, such as a decoded ID token."),
    ]  # fmt: skip


def claims_in(form: Mapping[str, str]) -> Plain | None:
    """None without any."""
    text = form.get("claims", "").strip()
    if not text:
        return None
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise bad_field("claims", "This is no JSON object")
    return found


def as_json(found: Plain) -> str:
    return orjson.dumps(found, option=orjson.OPT_INDENT_2).decode()


def operations() -> list[Field]:
    return choices(OPERATIONS)
