"""What the world can reach or guess: secrets, names, addresses, and what Django itself checks before a deployment."""

import ipaddress
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.db import DEFAULT_DB_ALIAS, connections
from django.http.request import validate_host

from gatewaysite.doctor.findings import Verdict, error, ok, plural, warning
from gatewaysite.doctor.installation import Installation, is_production
from gatewaysite.doctor.installation import public_url as shown
from gatewaysite.secrets import key_ids

NEW_KEY = "`python3 -c 'import secrets; print(secrets.token_urlsafe(48))'` makes one."
PLACEHOLDERS = ("change-me", "changeme", "change_me", "django-insecure", "example", "nothing", "secret-key", "your-")
WEAK_PASSWORDS = frozenset({"poolgate", "postgres", "password", "secret", "admin", "changeme", "change-me"})
METADATA = ipaddress.ip_address("169.254.169.254")
# Messages of Django's that checks of ours say better (keys, DEBUG, hosts, cookies), or that are the proxy's business
# (HSTS, redirecting to https).
SAID_ELSEWHERE = {"W009", "W010", "W011", "W012", "W016", "W018", "W020"} | {"W004", "W005", "W008", "W021"}


def debug(it: Installation) -> Verdict:
    if settings.DEBUG:
        weigh = error if is_production() else warning
        return weigh("DEBUG is on: errors show code, settings and queries to whoever caused them.", "Set DEBUG=false.")
    return ok("DEBUG is off.")


def secret_key(it: Installation) -> Verdict:
    key = settings.SECRET_KEY
    if "security.W009" in _messages() or _is_placeholder(key):
        weigh = error if is_production() else warning
        return weigh(
            f"SECRET_KEY can be guessed: {len(key)} characters, {len(set(key))} different ones, or a placeholder.",
            f"Set SECRET_KEY to 50 random characters or more. {NEW_KEY} Everybody has to sign in again."
            + (f" {_another_seal()}" if settings.ENCRYPTION_KEYS[:1] == [key] else ""),
        )
    return ok(f"SECRET_KEY has {len(key)} characters.")


def encryption_keys(it: Installation) -> Verdict:
    """Judges the first key, which seals. Those behind it only open what they sealed once."""
    if not settings.ENCRYPTION_KEYS:
        return error(
            "ENCRYPTION_KEYS is empty: no credential of an upstream can be stored or read.",
            f"Take it out of the environment, or set it to a new key, a comma and SECRET_KEY. {NEW_KEY}",
        )
    key, *older = settings.ENCRYPTION_KEYS
    if len(key) < 32 or _is_placeholder(key):
        weigh = error if is_production() else warning
        return weigh(
            f"The first of ENCRYPTION_KEYS, which seals, can be guessed: {len(key)} characters, or a placeholder.",
            f"{_another_seal()} {NEW_KEY}",
        )
    if key == settings.SECRET_KEY and is_production():
        return warning(
            "ENCRYPTION_KEYS begins with SECRET_KEY, or is not set: whoever reads what signs cookies opens upstream"
            " credentials too.",
            f"{_another_seal()} {NEW_KEY}",
        )
    own = "is SECRET_KEY, which will do on this machine" if key == settings.SECRET_KEY else "is a key of its own"
    behind = f"; {plural(len(older), 'older key')} behind it open what they sealed" if older else ""
    return ok(f"The first of ENCRYPTION_KEYS {own}{behind}.")


def sealed_keys(it: Installation) -> Verdict:
    """Whether the keys of stored secrets are all there, and whether those behind the first can go."""
    sealed, ids = it.server.sealed, key_ids()
    missing = {id: count for id, count in sealed.items() if id and id not in ids}
    if missing:
        return error(
            f"{_under(missing)}, no longer in ENCRYPTION_KEYS: nobody can read that.",
            "Put it back behind the first, or enter again what `manage.py gateway rotate-keys` names.",
        )
    behind = {id: count for id, count in sealed.items() if id not in ids[:1]}
    if behind:
        return warning(
            f"{_under(behind)}, not the first of ENCRYPTION_KEYS.",
            "`manage.py gateway rotate-keys` seals all with the first; then those behind it can go.",
        )
    return ok(f"{plural(sum(sealed.values()), 'stored secret')}, all under the first of ENCRYPTION_KEYS.")


def _under(counts: dict[str, int]) -> str:
    keys = " and ".join(f"key {id}" if id else "a key that is not named" for id in sorted(counts))
    return f"{plural(sum(counts.values()), 'stored secret')} under {keys}"


def first_admin(it: Installation) -> Verdict:
    given = [name for name in ("ADMIN_PASSWORD", "GATEWAY_BOOTSTRAP_TOKEN") if getattr(settings, name)]
    if given and is_production():
        return warning(
            f"{' and '.join(given)} still in the environment: an administrator's secret for whoever reads it.",
            "Remove it once `manage.py gateway bootstrap` has run; make other tokens for clients.",
        )
    return ok(
        "No administrator's secret is in the environment." if not given else f"{' and '.join(given)} set, locally."
    )


def db_password(it: Installation) -> Verdict:
    database = connections[DEFAULT_DB_ALIAS].settings_dict
    password = str(database.get("PASSWORD") or "").lower()
    if is_production() and password and (password in WEAK_PASSWORDS or password == str(database.get("USER")).lower()):
        return warning(
            "The database's password is a well-known one, such as the example of compose.yaml.",
            f"`ALTER ROLE {database.get('USER')} PASSWORD ...`, then the same in DATABASE_URL and DATABASE_DIRECT_URL.",
        )
    return ok(
        "The database's password is none of the well-known ones." if password else "The database asks for no password."
    )


def db_embedded(it: Installation) -> Verdict:
    """`make run`'s server is small, keeps no log to recover from, and ends with `make run`."""
    if not _is_embedded():
        return ok("The database is not the embedded one.")
    if not is_production():
        return ok("The database is the embedded one, as it should be on this machine.")
    return warning(
        f"The database is the embedded one of `make run`, and people reach {shown()}: it ends with its"
        " starter, and cannot be backed up while it runs but by pg_dump.",
        "Run a PostgreSQL of its own, and name it in DATABASE_URL; pg_dump and pg_restore move the data.",
    )


def allowed_hosts(it: Installation) -> Verdict:
    host, allowed = _public_host(), settings.ALLOWED_HOSTS
    host = f"[{host}]" if ":" in host else host  # as the Host header has an IPv6 address
    if not validate_host(host, allowed):
        return error(
            f"ALLOWED_HOSTS does not hold {host or 'the host of PUBLIC_URL'}: requests to PUBLIC_URL get a 400.",
            f"Set ALLOWED_HOSTS to {','.join([*allowed, host])}.",
        )
    if "*" in allowed:
        weigh = error if is_production() else warning
        return weigh(
            "ALLOWED_HOSTS holds *: any name answers, also one that an attacker's DNS points here.",
            f"Set ALLOWED_HOSTS to {host} and the names that health checks use.",
        )
    return ok(f"ALLOWED_HOSTS holds {len(allowed)} names, {host} among them.")


def public_url(it: Installation) -> Verdict:
    url = shown()
    if not _public_host() or not url.startswith(("http://", "https://")):
        return error("PUBLIC_URL is no address.", "Set it to what people type, such as https://gateway.example.com.")
    if is_production() and url.startswith("http://"):
        return error(
            f"PUBLIC_URL is {url}: tokens and passwords travel readable for everybody on the way.",
            "Let a proxy speak TLS, and set PUBLIC_URL to its https:// address; cookies become secure by that.",
        )
    return ok(f"PUBLIC_URL is {url}.")


def cookies(it: Installation) -> Verdict:
    """Whether they travel over https only follows from PUBLIC_URL, which has a check of its own."""
    if not settings.SESSION_COOKIE_HTTPONLY:
        return error("SESSION_COOKIE_HTTPONLY is off: scripts can read sessions.", "Leave it on in settings.py.")
    return ok("Scripts cannot read sessions.")


def upstream_networks(it: Installation) -> Verdict:
    try:
        networks = [ipaddress.ip_network(text) for text in settings.UPSTREAM_ALLOWED_NETWORKS]
    except ValueError as wrong:
        return error(f"UPSTREAM_ALLOWED_NETWORKS holds something else than networks: {wrong}.", "Write 10.1.0.0/16.")
    wide = [str(network) for network in networks if network.prefixlen == 0]
    loopback = [str(network) for network in networks if network.is_loopback]
    metadata = [str(network) for network in networks if METADATA in network]
    if wide and is_production():
        return error(
            f"UPSTREAM_ALLOWED_NETWORKS holds {', '.join(wide)}: whoever registers a gateway may call anything inside.",
            "Name only the networks upstreams live in.",
        )
    if (loopback or metadata) and is_production():
        return warning(
            f"UPSTREAM_ALLOWED_NETWORKS holds {', '.join(loopback + metadata)}: services of this machine or of"
            " the cloud, which trust whoever can reach them. The metadata address itself is refused all the same.",
            "Name only the networks upstreams live in.",
        )
    return ok(f"Upstreams may live in public networks{' and in ' if networks else ''}{', '.join(map(str, networks))}.")


def django(it: Installation) -> Verdict:
    """What `manage.py check --deploy --tag security` says beyond all this."""
    rest = {id: text for id, text in _messages().items() if id.removeprefix("security.") not in SAID_ELSEWHERE}
    if rest:
        told = " ".join(f"{id}: {text}" for id, text in rest.items())
        return warning(f"Django's deployment checks say: {told}", "`python manage.py check --deploy` says more.")
    return ok("Django's deployment checks have nothing to add.")


def _another_seal() -> str:
    """How the key that seals is replaced, and nothing lost that the old one sealed."""
    old = "the present SECRET_KEY" if settings.ENCRYPTION_KEYS == [settings.SECRET_KEY] else "the present ones"
    return (
        f"Set ENCRYPTION_KEYS to another new key, a comma and {old}; restart; then `manage.py gateway rotate-keys`"
        " seals stored secrets with the new one, and those behind it can go."
    )


def _is_placeholder(key: str) -> bool:
    return any(word in key.lower() for word in PLACEHOLDERS)


def _messages() -> dict[str, str]:
    found = checks.run_checks(tags=[checks.Tags.security], include_deployment_checks=True)
    return {str(message.id): message.msg for message in found}


def _public_host() -> str:
    try:
        return urlsplit(settings.PUBLIC_URL).hostname or ""
    except ValueError:
        return ""


def _is_embedded() -> bool:
    database = connections[DEFAULT_DB_ALIAS].settings_dict
    host = str(database.get("HOST") or database["OPTIONS"].get("host") or "")
    if not host.startswith("/"):
        return False
    beside = (settings.DATA_DIR / "socket").resolve()
    return Path(host).resolve() == beside or Path(host).is_relative_to(settings.DATA_DIR.resolve())
