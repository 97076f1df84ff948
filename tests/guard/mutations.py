"""How many faults does the static guard see? Moves each sink of real views into a transaction, one at a time.

A sink is a statement that renders, redirects, answers JSON, streams or calls an upstream, found here by its name in
the text, not by the guard. Each is wrapped in `with transaction.atomic():` in a temporary copy of its project, and is
caught only if the guard then reports, within the wrapped lines, the rule that was broken and did not before. First come
this project's own handlers, then views of Django and of whatever other Django package is installed.

Exit code 1 when fewer than 40 views were tried, or fewer than 95 of 100 mutations were caught. About a minute.
"""

import argparse
import ast
import importlib.util
import random
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from gatewaysite.guard.config import Config
from gatewaysite.guard.config import load as load_config
from gatewaysite.guard.engine import analyse
from gatewaysite.guard.symbols import FunctionNode, Program, load, read_module

ROOT = Path(__file__).resolve().parent.parent.parent
VIEWS_AT_LEAST = 40
BAR = 0.95
BLOCK = "with transaction.atomic():"
IMPORT = "from django.db import transaction"

ANSWERS = (
    "render", "redirect", "render_to_string", "render_to_response", "JsonResponse", "HttpResponse", "TemplateResponse",
    "HttpResponseRedirect", "HttpResponsePermanentRedirect", "HttpResponseNotModified", "HttpResponseNotFound",
    "HttpResponseForbidden", "HttpResponseBadRequest", "HttpResponseServerError", "HttpResponseNotAllowed",
    "render_page", "json_response", "redirect_after", "respond", "respond_error",
)  # fmt: skip
STREAMS = ("StreamingHttpResponse", "FileResponse", "stream_response")
UPSTREAMS = ("mcp.call", "mcp.list_all", "mcp.detect", "mcp.complete", "client.send", "call_tool_for_page", "post",
             "read_body", "sync_gateway", "handshake")  # fmt: skip
SINKS = dict.fromkeys(ANSWERS, "R1") | dict.fromkeys(STREAMS, "R2") | dict.fromkeys(UPSTREAMS, "R3")
# The doorways that the sinks are made of; and machinery that answers nobody.
DOORWAYS = ("gatewaysite/responses.py", "proxy_app/dataplane/http.py", "proxy_app/upstream/client.py",
            "gatewaysite/guard/")  # fmt: skip

# Packages with views, where they are installed, and the folders of them to read.
OTHERS = {
    "django": ["contrib/auth", "contrib/admin", "contrib/admindocs", "contrib/flatpages", "contrib/contenttypes",
               "contrib/sitemaps", "contrib/syndication", "views"],
    "allauth": ["."],
    "rest_framework": ["."],
    "procrastinate": ["contrib/django"],
}  # fmt: skip


@dataclass(frozen=True)
class Site:
    """A statement to wrap: where it stands, in which function, and which rule that breaks."""

    file: str
    function: str
    first: int
    last: int
    rule: str
    text: str


@dataclass(frozen=True)
class Outcome:
    site: Site
    caught: bool
    said: str


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/guard_mutations", description=__doc__)
    parser.add_argument("--sample", type=int, help="try only so many mutations, chosen at random")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--own", action="store_true", help="only this project's views")
    options = parser.parse_args()
    outcomes: list[Outcome] = []
    for name, config in [(ROOT.name, own_project()), *([] if options.own else other_packages())]:
        with tempfile.TemporaryDirectory(prefix="guard-") as folder:
            tried = mutate(copy_of(config, Path(folder)), options.sample, options.seed)
        print_table(name, tried)
        outcomes += tried
    return verdict(outcomes, is_sample=options.sample is not None or options.own)


def own_project() -> Config:
    return load_config(ROOT)


def other_packages() -> Iterator[tuple[str, Config]]:
    for name, folders in OTHERS.items():
        spec = importlib.util.find_spec(name)
        if spec and spec.submodule_search_locations:
            package = Path(spec.submodule_search_locations[0])
            paths = tuple(f"{name}/{folder}" for folder in folders if (package / folder).is_dir())
            yield name, Config(root=package.parent, paths=paths)


def copy_of(config: Config, folder: Path) -> Config:
    """The project's sources in a folder of its own, so that nobody's working copy is touched."""
    program = load(config, [config.root / path for path in config.paths])
    for module in program.modules.values():
        target = folder / module.file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(config.root / module.file, target)
        for parent in Path(module.file).parents:  # a package stays one, though nothing else of it is read
            if (config.root / parent / "__init__.py").exists() and parent != Path():
                (folder / parent).mkdir(parents=True, exist_ok=True)
                (folder / parent / "__init__.py").touch()
    return replace(config, root=folder)


# --- Mutating -------------------------------------------------------------------------------------------------------


def mutate(config: Config, sample: int | None, seed: int) -> list[Outcome]:
    paths = [config.root / path for path in config.paths]
    program = load(config, paths)
    sites = [site for module in program.modules.values() for site in sites_in(module.file, module.source)]
    if sample is not None:
        sites = random.Random(seed).sample(sites, min(sample, len(sites)))
    by_file: dict[str, list[Site]] = defaultdict(list)
    for site in sites:
        by_file[site.file].append(site)
    return [outcome for file in by_file for outcome in _mutate_file(config, program, file, by_file[file])]


def _mutate_file(config: Config, program: Program, file: str, sites: Iterable[Site]) -> Iterator[Outcome]:
    path = config.root / file
    name = next(module.name for module in program.modules.values() if module.file == file)
    before = path.read_text(encoding="utf-8")
    known = {finding.place for finding in analyse(_with(program, name, before), config, only=[name])[1]}
    for site in sites:
        changed, first, last = wrapped(before, site)
        path.write_text(changed, encoding="utf-8")
        findings = analyse(_with(program, name, path.read_text(encoding="utf-8")), config, only=[name])[1]
        path.write_text(before, encoding="utf-8")
        shift = first - site.first
        new = [one for one in findings if one.file == file and (file, one.line - shift, one.rule) not in known]
        here = [one for one in new if first <= one.line <= last]
        caught = any(one.rule == site.rule for one in here)
        yield Outcome(site, caught, "; ".join(sorted({f"{one.rule} line {one.line}" for one in here})) or "nothing")


def _with(program: Program, name: str, source: str) -> Program:
    """The program with one of its modules read anew."""
    modules = dict(program.modules)
    modules[name] = read_module(source.encode(), name, modules[name].file, modules[name].root)
    return Program(modules.values())


def wrapped(source: str, site: Site) -> tuple[str, int, int]:
    """The source with the statement in a block, and the lines it has there."""
    lines = source.splitlines()
    statement = lines[site.first - 1 : site.last]
    indent = statement[0][: len(statement[0]) - len(statement[0].lstrip())]
    block = [indent + BLOCK, *("    " + line if line.strip() else line for line in statement)]
    start = _after_docstring(source)
    changed = [*lines[:start], IMPORT, *lines[start : site.first - 1], *block, *lines[site.last :]]
    return "\n".join(changed) + "\n", site.first + 2, site.last + 2


def _after_docstring(source: str) -> int:
    """The line after the docstring and the imports from __future__, which must stay first."""
    line = 0
    for statement in ast.parse(source).body:
        is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if not is_text and not (isinstance(statement, ast.ImportFrom) and statement.module == "__future__"):
            break
        line = statement.end_lineno or line
    return line


# --- Finding sinks --------------------------------------------------------------------------------------------------


def sites_in(file: str, source: str) -> Iterator[Site]:
    if file.startswith(DOORWAYS):
        return
    yield from _sites(file, ast.parse(source), "")


def _sites(file: str, node: ast.AST, function: str) -> Iterator[Site]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield from _sites(file, child, f"{function}.{child.name}".lstrip("."))
        elif isinstance(child, (ast.Return, ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign)):
            if function and (sink := _sink(child)):
                rule, text = sink
                yield Site(file, function, child.lineno, child.end_lineno or child.lineno, rule, text)
        else:
            yield from _sites(file, child, function)


def _sink(statement: ast.stmt) -> tuple[str, str] | None:
    """The first call of a sink that this statement itself makes; what a lambda in it would call later is none."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.Call):
            dotted = ast.unparse(node.func)
            name = dotted if dotted in SINKS else dotted.rpartition(".")[2]
            if name in SINKS and (dotted == name or _belongs_to_module_or_self(dotted)):
                return SINKS[name], dotted
        if not isinstance(node, FunctionNode):
            waiting += ast.iter_child_nodes(node)
    return None


def _belongs_to_module_or_self(dotted: str) -> bool:
    """`http.HttpResponse(...)`, `self.render_to_response(...)`: the names above, not another thing's method."""
    owner, _, name = dotted.rpartition(".")
    return (
        name in ANSWERS + STREAMS
        and (owner in ("self", "super()", "http", "shortcuts") or owner[:1].islower())
        and (name[0].isupper() or name == "render_to_response")
    )


# --- Telling --------------------------------------------------------------------------------------------------------


def print_table(name: str, outcomes: list[Outcome]) -> None:
    views = {(outcome.site.file, outcome.site.function) for outcome in outcomes}
    caught = sum(outcome.caught for outcome in outcomes)
    print(f"\n{name}: {caught} of {len(outcomes)} caught, in {len(views)} views")
    width = max((len(_place(outcome.site)) for outcome in outcomes), default=0)
    for outcome in outcomes:
        mark = "caught" if outcome.caught else "MISSED"
        print(f"  {mark}  {outcome.site.rule}  {_place(outcome.site):{width}}  {outcome.site.text}", end="")
        print("" if outcome.caught else f"  (found: {outcome.said})")


def _place(site: Site) -> str:
    return f"{site.file}:{site.first} {site.function}"


def verdict(outcomes: list[Outcome], *, is_sample: bool) -> int:
    caught, views = sum(one.caught for one in outcomes), {(one.site.file, one.site.function) for one in outcomes}
    share = caught / len(outcomes) if outcomes else 0.0
    print(f"\nall: {caught} of {len(outcomes)} mutations caught ({share:.1%}), in {len(views)} views")
    enough = is_sample or len(views) >= VIEWS_AT_LEAST
    return 0 if share >= BAR and enough else 1
