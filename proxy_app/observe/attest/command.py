"""The sub-command `attest`: its options, and one attestation from watching to exit code."""

import json
import signal
import threading
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

import django.db
import orjson
from django.conf import settings
from django.core.management.base import CommandError, OutputWrapper
from django.utils import timezone

from gatewaysite.db.units import close_pool
from proxy_app.observe.attest import work
from proxy_app.observe.attest.load import CLIENTS, CLIENTS_AT_MOST, PAUSE_S, CannotLoad, Load, Plan, is_loopback
from proxy_app.observe.attest.report import FORMAT, make_report
from proxy_app.observe.attest.signing import NotSigned, check, key_from, public_key, sign
from proxy_app.observe.attest.targets import FAILED, NO_VERDICT, PASSED
from proxy_app.observe.attest.text import as_text
from proxy_app.observe.attest.watch import EVERY_AT_LEAST_S, EVERY_S, Seen, Watch

SECONDS = 60.0
SECONDS_AT_MOST = 24 * 3600.0
EXIT_CODES = {PASSED: 0, FAILED: 1, NO_VERDICT: 2}
# What is told of a report that is checked.
ABOUT = ("verdict", "installation", "began_at", "ended_at")
SHOWN_AT_MOST = 100

Plain = dict[str, Any]


def add_options(parser: ArgumentParser) -> None:
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--seconds", type=_seconds, default=SECONDS, help=f"how long to watch; default: {SECONDS:g}")
    length.add_argument("--minutes", type=_minutes, help="the same in minutes")
    parser.add_argument(
        "--every", type=_every, default=EVERY_S, metavar="SECONDS", help=f"time between samples; default: {EVERY_S:g}"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the signed report as JSON to this file too")
    parser.add_argument("--no-keep", action="store_true", help="do not keep the report for the page of attestations")
    load = parser.add_argument_group("making a load")
    load.add_argument("--load", choices=("mixed",), metavar="PROFILE", help="make the load too: mixed")
    load.add_argument("--clients", type=_clients, default=CLIENTS, help=f"how many; default: {CLIENTS}")
    load.add_argument("--pause", type=_pause, default=PAUSE_S, metavar="SECONDS", help="between answer and question")
    load.add_argument("--url", type=_address, help="the gateway to load; default: PUBLIC_URL")
    load.add_argument("--token", help="an administrator's token; default: GATEWAY_BOOTSTRAP_TOKEN")
    load.add_argument("--slow-tool", default="demo-wait", help="a tool that takes long; default: demo-wait")
    load.add_argument("--slow-arguments", type=_object, default={"seconds": 5}, metavar="JSON")
    load.add_argument("--fast-tool", default="demo-echo", help="a tool that does not; default: demo-echo")
    load.add_argument("--fast-arguments", type=_object, default={"text": "hello"}, metavar="JSON")
    load.add_argument("--path", action="append", default=[], dest="paths", help="read this path now and then as well")
    load.add_argument("--i-own-this-installation", action="store_true", help="needed to load anything but this machine")
    verify = parser.add_argument_group("checking a report")
    verify.add_argument("--verify", type=Path, metavar="FILE", help="check a report's signature instead of watching")
    verify.add_argument(
        "--key", type=_key, metavar="BASE64", help="the public key it has to be signed with; default: our own"
    )
    # Django's own checks have nothing to do with it, and some of them take seconds.
    parser.set_defaults(skip_checks=True)


def run(options: Plain, out: OutputWrapper, err: OutputWrapper) -> int:
    """0: passed. 1: failed, and nothing else. 2: no verdict, or used wrongly."""
    if options["verify"]:
        return _verify(options["verify"], options["key"], out)
    if options["output"] and not options["output"].parent.is_dir():
        raise _wrong(f"{options['output']} cannot be written: there is no such folder.")
    seconds = options["minutes"] or options["seconds"]
    load = Load(_plan(options)) if options["load"] else None
    began_at = timezone.now()
    watch = Watch(settings.DATABASE_DIRECT_URL, seconds=seconds, every_s=options["every"])
    try:
        with _stopping(watch):
            err.write(f"watching for {seconds:g} s")
            seen = _watch_under(load, watch) if load else watch.run()
    except CannotLoad as trouble:
        err.write(f"no verdict: {trouble}")
        return EXIT_CODES[NO_VERDICT]
    report = make_report(seen, load=load.as_plain() if load else None)
    document = sign(report)
    written = orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()
    out.write(written if options["format"] == "json" else as_text(document))
    if not options["no_keep"]:
        _keep(document, began_at, err)
    if options["output"]:
        _write(options["output"], written + "\n")
    return EXIT_CODES[report["verdict"]]


def _watch_under(load: Load, watch: Watch) -> Seen:
    """Watch while the load lasts. Whatever happens, nothing of it stays behind."""
    load.prepare()
    over = threading.Event()
    loading = threading.Thread(target=load.run, args=(over,), name="load", daemon=True)
    loading.start()
    try:
        return watch.run()
    finally:
        over.set()
        loading.join()
        load.clean_up()


@contextmanager
def _stopping(watch: Watch) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the window early: the report then says that most of it was not seen."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        watch.stop()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _plan(options: Plain) -> Plan:
    url, token = options["url"] or settings.PUBLIC_URL, options["token"] or settings.GATEWAY_BOOTSTRAP_TOKEN
    if not token:
        raise _wrong("A load needs an administrator's token: --token, or GATEWAY_BOOTSTRAP_TOKEN.")
    if not is_loopback(url) and not options["i_own_this_installation"]:
        raise _wrong(f"{url} is not on this machine. If you may load it, say --i-own-this-installation.")
    return Plan(
        url=url,
        token=token,
        profile=options["load"],
        clients=options["clients"],
        pause_s=options["pause"],
        slow_tool=options["slow_tool"],
        slow_arguments=options["slow_arguments"],
        fast_tool=options["fast_tool"],
        fast_arguments=options["fast_arguments"],
        paths=tuple(options["paths"]),
    )


def _keep(document: Plain, began_at: Any, err: OutputWrapper) -> None:
    try:
        key = work.keep(document, began_at=began_at)
        err.write(f"kept: {settings.PUBLIC_URL}/admin/attestations/{key.hex}")
    except django.db.Error as error:
        err.write(f"not kept, because the database does not take it: {str(error).splitlines()[0]}")
    finally:
        close_pool()


def _write(file: Path, text: str) -> None:
    """At the very end, when it is printed and kept already."""
    try:
        file.write_text(text)
    except OSError as error:
        raise _wrong(f"{file} cannot be written: {error.strerror}") from error


def _verify(file: Path, key: str | None, out: OutputWrapper) -> int:
    """0 only when nobody changed the report and the wanted key signed it."""
    try:
        checked = check(file.read_bytes())
    except OSError as error:
        raise _wrong(f"{file} cannot be read: {error.strerror}") from error
    except NotSigned as error:
        out.write(f"NOT GENUINE: {error}")
        return 1
    about = ", ".join(f"{name}: {printable(checked.report.get(name))}" for name in ABOUT)
    if not checked.is_by(key or public_key()):
        whose = "the one that was asked for" if key else "this installation's own"
        out.write(f"ANOTHER KEY: signed with {checked.public_key}, not with {key or public_key()}, {whose}\n{about}")
        return 1
    if checked.report.get("format") != FORMAT:
        out.write(f"NOT GENUINE: what {checked.public_key} signed is no attestation.")
        return 1
    out.write(f"GENUINE: signed with {checked.public_key}\n{about}")
    return 0


def printable(value: Any) -> str:
    """What a stranger wrote, in one short line: nothing of it reaches the terminal as a command, or looks like ours."""
    text = str(value)
    shown = "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
    return shown if len(shown) <= SHOWN_AT_MOST else shown[:SHOWN_AT_MOST] + "…"


def _wrong(words: str) -> CommandError:
    """A pipeline takes 1 for a verdict."""
    return CommandError(words, returncode=EXIT_CODES[NO_VERDICT])


def _number(least: float, most: float, what: str) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            raise ArgumentTypeError(f"must be {what} from {least:g} to {most:g}")
        return value

    return read


def _clients(text: str) -> int:
    return int(_number(1, CLIENTS_AT_MOST, "a number of clients")(text))


def _minutes(text: str) -> float:
    return _number(SECONDS_AT_LEAST / 60, SECONDS_AT_MOST / 60, "minutes")(text) * 60


def _object(text: str) -> Plain:
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise ArgumentTypeError("must be a JSON object")
    return value


def _key(text: str) -> str:
    try:
        return key_from(text)
    except ValueError:
        raise ArgumentTypeError("not a key: 32 bytes in base64, as the page of attestations shows them") from None


def _address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ArgumentTypeError("must be an http:// or https:// address without a password")
    return text.rstrip("/")


SECONDS_AT_LEAST = 1.0
_seconds = _number(SECONDS_AT_LEAST, SECONDS_AT_MOST, "seconds")
_every = _number(EVERY_AT_LEAST_S, 10, "seconds")
_pause = _number(0, 600, "seconds")
