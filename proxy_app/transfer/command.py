"""The sub-commands `export`, `plan`, `apply` and `import`: the configuration from a terminal or a pipeline."""

import sys
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, OutputWrapper

from auth_app.actor import Actor
from auth_app.stamps import Stamp
from auth_app.users.work import find_administrator
from gatewaysite.errors import BadInput, GatewayError
from gatewaysite.responses import dump_json
from proxy_app.transfer import schema, work
from proxy_app.transfer.bodies import parts_in
from proxy_app.transfer.document import as_yaml, parse
from proxy_app.transfer.exporting import Choice, export_document
from proxy_app.transfer.history import work as history
from proxy_app.transfer.importing import import_now
from proxy_app.transfer.reading import read_document
from proxy_app.transfer.sections import BY_NAME
from proxy_app.transfer.shapes import STRATEGIES, Asked, Outcome
from proxy_app.transfer.telling import as_text, plan_of

COMMANDS: Mapping[str, str] = {
    "export": "write the configuration as a document, YAML or JSON",
    "plan": "say what a document would change; exits with 2 when it would, with 0 when it would not",
    "apply": "make the configuration what a document says, all of it or nothing",
    "import": "the same, for documents of the existing system: what is there already stays",
}
UNCHANGED, IN_THE_WAY, CHANGES = 0, 1, 2

Options = dict[str, Any]


def add_options(name: str, parser: ArgumentParser) -> None:
    parser.add_argument(
        "--as", dest="email", metavar="EMAIL", help="the administrator it is done as; default: ADMIN_EMAIL"
    )
    parser.set_defaults(skip_checks=True)
    if name == "export":
        parser.add_argument("--format", choices=("yaml", "json"), default="yaml")
        parser.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")
        parser.add_argument("--types", default="", help="only these parts, comma separated")
        parser.add_argument("--ids", action="store_true", help="ids besides names")
        return
    parser.add_argument("file", metavar="FILE", help="the document; - for standard input")
    parser.add_argument("--prune", action="store_true", help="delete what the document's parts do not name")
    usual = "skip" if name == "import" else "update"
    parser.add_argument("--strategy", choices=STRATEGIES, default=usual, help=f"for what is there; default: {usual}")
    if name == "plan":
        parser.add_argument("--json", action="store_true", help="the plan as JSON")
    else:
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument("--fingerprint", default="", help="of a plan: do that, or nothing")


def run(command: str, options: Options, out: OutputWrapper, err: OutputWrapper) -> int:
    """The exit code. What is wrong is said line by line."""
    actor = find_administrator(options["email"] or settings.ADMIN_EMAIL)
    if actor is None:
        raise CommandError(f"There is no administrator called {options['email'] or settings.ADMIN_EMAIL}; use --as.")
    try:
        return RUN[command](actor, options, out)
    except BadInput as error:
        for field in error.fields:
            err.write(f"{'.'.join(map(str, field.loc[1:]))}: {field.msg}")
        if not error.fields:
            err.write(error.message)
        return IN_THE_WAY
    except GatewayError as error:
        err.write(error.message)
        return IN_THE_WAY


def export(actor: Actor, options: Options, out: OutputWrapper) -> int:
    unknown = [name for name in parts_in(options["types"]) if name not in BY_NAME]
    if unknown:
        raise CommandError(f"There is no part {unknown[0]}; there are {', '.join(BY_NAME)}.")
    choice = Choice(types=tuple(parts_in(options["types"])) or tuple(BY_NAME), include_ids=options["ids"])
    document = export_document(actor, choice)
    history.note_export(actor, _stamp(actor), {name: len(document[name]) for name in choice.types})
    is_json = options["format"] == "json"
    text = dump_json(document).decode() + "\n" if is_json else as_yaml(document, schema.schema_url())
    if options["output"] is None:
        out.write(text, ending="")
        return UNCHANGED
    try:
        options["output"].write_text(text)
    except OSError as error:
        raise CommandError(f"{options['output']} cannot be written: {error.strerror}.") from error
    return UNCHANGED


def plan(actor: Actor, options: Options, out: OutputWrapper) -> int:
    outcome = work.plan_import(actor, _asked(options), _stamp(actor))
    return _told(outcome, out, as_json=options["json"])


def apply(actor: Actor, options: Options, out: OutputWrapper) -> int:
    """What was shown is what is done: nothing, when something moved between."""
    asked, fingerprint = _asked(options), options["fingerprint"]
    if not options["yes"]:
        seen = work.plan_import(actor, asked, _stamp(actor))
        code = _told(seen, out)
        if code != CHANGES or not _is_confirmed(out):
            return code
        fingerprint = fingerprint or seen.fingerprint
    row, outcome = import_now(actor, asked, _stamp(actor), fingerprint=fingerprint)
    if options["yes"]:
        _told(outcome, out)
    out.write(f"{row['status']}: {row['id'].hex}")
    return IN_THE_WAY if outcome.problems else UNCHANGED


def _asked(options: Options) -> Asked:
    return read_document(parse(_text(options["file"])), strategy=options["strategy"], prune=options["prune"])


def _text(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text("utf-8-sig")
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{file} is not text in UTF-8.") from error


def _told(outcome: Outcome, out: OutputWrapper, *, as_json: bool = False) -> int:
    found = plan_of(outcome)
    out.write(dump_json(found).decode() if as_json else "\n".join(as_text(found)))
    if outcome.problems:
        return IN_THE_WAY
    return CHANGES if outcome.changes else UNCHANGED


def _is_confirmed(out: OutputWrapper) -> bool:
    if not sys.stdin.isatty():
        raise CommandError("Nobody is here to be asked: add --yes.")
    out.write("Apply this? Only yes is taken for it: ", ending="")
    out.flush()
    return sys.stdin.readline().strip() == "yes"


def _stamp(actor: Actor) -> Stamp:
    return Stamp(email=actor.email, via="command")


RUN: Mapping[str, Callable[[Actor, Options, OutputWrapper], int]] = {
    "export": export,
    "plan": plan,
    "apply": apply,
    "import": apply,
}
