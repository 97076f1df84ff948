"""The sub-command `doctor`: its options, and one examination from looking to exit code."""

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any
from urllib.parse import urlsplit

from django.core.management.base import OutputWrapper
from django.core.management.color import Style, no_style

from gatewaysite.doctor.database import look_at_server, look_directly
from gatewaysite.doctor.examination import examine
from gatewaysite.doctor.findings import Level
from gatewaysite.doctor.installation import Installation
from gatewaysite.doctor.outside import look_from_outside
from gatewaysite.doctor.process import rehearse
from gatewaysite.doctor.report import Paint, as_json, as_text, exit_code


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--replicas", type=_at_least_one, default=1, help="how many containers run; default: 1")
    parser.add_argument(
        "--workers", type=_at_least_one, help="worker processes of each; default: as gunicorn would run"
    )
    parser.add_argument("--url", type=_address, help="look at this address too, from outside through the proxy")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument("--strict", action="store_true", help="exit with 1 for warnings too")
    # Django's own checks stop a command when they find something; here they are among the findings.
    parser.set_defaults(skip_checks=True)


def run(options: dict[str, Any], *, outside_pool: int, out: OutputWrapper, style: Style) -> int:
    """0: well. 1: an error, or with --strict a warning. 2: something that was to be looked at could not be."""
    server = look_at_server()
    installation = Installation(
        outside_pool=outside_pool,
        replicas=options["replicas"],
        workers_given=options["workers"],
        server_seen=server,
        direct_seen=look_directly(server),
        rehearsal_seen=rehearse(),
        front_seen=look_from_outside(options["url"]) if options["url"] else None,
    )
    findings = examine(installation)
    code = exit_code(findings, is_blind=installation.is_blind, strict=options["strict"])
    if options["format"] == "json":
        out.write(as_json(installation, findings, code))
    else:
        out.write(as_text(installation, findings, _paint(style if out.isatty() else no_style())))
    return code


def _paint(style: Style) -> Paint:
    colours = {
        Level.ERROR: style.ERROR,
        Level.WARNING: style.WARNING,
        Level.UNKNOWN: style.NOTICE,
        Level.OK: style.SUCCESS,
    }
    return lambda level, text: str(colours[level](text))


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError("must be 1 or more")
    return int(text)


def _address(text: str) -> str:
    try:
        parts = urlsplit(text)
        fits = parts.scheme in ("http", "https") and parts.hostname and not parts.username and (parts.port or True)
    except ValueError:
        fits = False
    if not fits:
        raise ArgumentTypeError("must be an http:// or https:// address without a password")
    return text.rstrip("/")
