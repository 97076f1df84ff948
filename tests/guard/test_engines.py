"""What a project tells the guard: how its connections are lent, and which names of its own have effects."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gatewaysite.guard import analysis, config
from gatewaysite.guard.engine import check
from gatewaysite.guard.report import as_text
from tests.guard.samples.variants import POOL
from tests.guard.sampling import judge, places, report, write

QUERY_THEN_UPSTREAM = (
    """
from app.models import Server
from gateway.http_pool import call

def show(request):
    Server.objects.count()
    return call("http://a.example")
"""
    + POOL
)
OPEN_CURSORS = (
    """
from django.db import connection
from app.models import Server
from gateway.http_pool import call

def a():
    for url in Server.objects.values_list("url", flat=True).iterator():
        call(url)  # R7

def b():
    with connection.cursor():
        call("http://a.example")  # R7

def c():
    with connection.pinned():
        call("http://a.example")  # R7

def d():
    urls = [url for url in Server.objects.values_list("url", flat=True).iterator()]
    return [call(url) for url in urls]
"""
    + POOL
)


def test_where_connections_are_handed_back_a_finished_query_holds_none(tmp_path: Path) -> None:
    _expected, found = judge(tmp_path, QUERY_THEN_UPSTREAM, engine="handback")
    assert found == set()
    assert {rule for _file, _line, rule in places(report(tmp_path, engine="stock"))} == {"R7"}


def test_where_connections_are_handed_back_an_open_cursor_still_holds_one(tmp_path: Path) -> None:
    expected, found = judge(
        tmp_path, OPEN_CURSORS, engine="handback", effects={"holding": ("django.db.connection.pinned",)}
    )
    assert found == expected


def test_names_of_the_project_have_the_effects_it_says(tmp_path: Path) -> None:
    sample = """
from django.db import transaction
from app.doorways import answer, ask, give_back, in_unit
from app.models import Server

def a(request):
    with transaction.atomic():
        answer(request)  # R1

def b(request):
    Server.objects.count()
    give_back()
    ask()

def c(request):
    Server.objects.count()
    ask()  # R7

def load():
    return Server.objects.select_for_update(nowait=True).get()

async def d():
    await in_unit(load)  # R9
    await ask()

def e(request):
    answer({"servers": Server.objects.all()})  # R4
# file: app/doorways.py
def answer(data): ...
def ask(): ...
def give_back(): ...
async def in_unit(work): ...
"""
    effects = {
        "render": ("app.doorways.answer",),
        "upstream": ("app.doorways.ask",),
        "release": ("app.doorways.give_back",),
        "unit": ("app.doorways.in_unit",),
    }
    expected, found = judge(tmp_path, sample, effects=effects, data={"app.doorways.answer": [0, "data"]})
    assert found == expected


def test_clients_may_be_made_where_the_project_says(tmp_path: Path) -> None:
    write(tmp_path, "\nimport httpx\nclient = httpx.Client()\n")
    assert {rule for _file, _line, rule in places(report(tmp_path))} == {"R5"}
    assert places(report(tmp_path, clients=("app/**",))) == set()


def test_a_lock_timeout_may_be_promised_or_stand_in_the_settings(tmp_path: Path) -> None:
    sample = """
from django.db import transaction
from app.models import Server

@transaction.atomic
def lock(pk):
    return Server.objects.select_for_update().get(pk=pk).name
"""
    write(tmp_path, sample)
    assert {rule for _file, _line, rule in places(report(tmp_path))} == {"R9"}
    assert places(report(tmp_path, lock_timeout=True)) == set()
    (tmp_path / "settings.py").write_text('DATABASES = {"default": {"OPTIONS": {"options": "-c lock_timeout=2s"}}}\n')
    assert places(report(tmp_path)) == set()


def test_tests_and_migrations_are_left_out_unless_they_are_named(tmp_path: Path) -> None:
    write(tmp_path, "# file: tests/test_a.py\nimport httpx\nclient = httpx.Client()\n")
    assert places(report(tmp_path)) == set()
    for named in (tmp_path / "tests", tmp_path / "tests" / "test_a.py"):
        assert len(check([named], config=config.Config(root=tmp_path)).findings) == 1


def test_imports_are_followed_from_whatever_folder_they_begin_in(tmp_path: Path) -> None:
    sample = """
# file: one/src/app/views.py
from django.db import transaction
from app import helpers
from gateway.http_pool import call
from .helpers import other

def a():
    with transaction.atomic():
        helpers.ask()  # R3

def b():
    with transaction.atomic():
        other()  # R3

def c():
    from app.helpers import ask as local
    with transaction.atomic():
        local()  # R3
# file: one/src/app/helpers.py
from gateway.http_pool import call

def ask():
    call("http://a.example")

def other():
    ask()
# file: one/src/gateway/http_pool.py
import httpx
pool = httpx.Client()

def call(url):
    return pool.get(url)
# file: two/src/gateway/http_pool.py
def call(url):
    return url
"""
    expected, found = judge(tmp_path, sample)
    assert found == expected


RENDERED = """from django.db import transaction
from django.shortcuts import render

def show(request):
    with transaction.atomic():
        return render(request, "a.html")  # R1
"""


@pytest.mark.parametrize("packages", [(), ("contrib/", "contrib/django/"), ("contrib/django/",)])
def test_a_folder_called_like_a_library_is_not_taken_for_it(tmp_path: Path, packages: tuple[str, ...]) -> None:
    sample = "# file: contrib/django/views.py\n" + RENDERED
    sample += "".join(f'# file: {folder}__init__.py\n"""A package."""\n' for folder in packages)
    write(tmp_path, sample)
    assert places(report(tmp_path)) == {("contrib/django/views.py", 6, "R1")}
    part = check([tmp_path / "contrib" / "django"], config=config.Config(root=tmp_path))
    assert places(part) == {("contrib/django/views.py", 6, "R1")}


def test_two_packages_of_one_name_are_both_judged(tmp_path: Path) -> None:
    helper = "# file: {}/app/helpers.py\nfrom app.views import show\n\ndef again(request):\n    return show(request)\n"
    write(tmp_path, "# file: one/app/views.py\n" + RENDERED + helper.format("one"))
    write(tmp_path, "# file: two/app/views.py\ndef show(request):\n    return None\n" + helper.format("two"))
    for name in ("one", "two"):
        (tmp_path / name / "app" / "__init__.py").touch()
    found = report(tmp_path)
    assert places(found) == {("one/app/views.py", 6, "R1")}
    assert (found.files, found.unreadable, found.calls_known) == (6, [], found.calls)


def test_a_file_hidden_by_another_of_its_name_is_named(tmp_path: Path) -> None:
    write(tmp_path, "# file: app.py\n" + RENDERED)
    write(tmp_path, "# file: app/__init__.py\nx = 1\n")
    found = report(tmp_path)
    assert [one.file for one in found.unreadable] == ["app.py"]
    assert "the same name as app/__init__.py" in found.unreadable[0].reason
    assert found.exit_code == 2


@pytest.mark.parametrize(
    "source",
    ["x = " + " + ".join(["1"] * 3000), "x = " + "-" * 100_000 + "1", "if 1:\n  x = 1\n" + "elif 1:\n  x = 1\n" * 1500],
)
def test_a_file_nested_too_deep_is_named_and_the_others_are_judged(tmp_path: Path, source: str) -> None:
    write(tmp_path, RENDERED)
    (tmp_path / "deep.py").write_text(source + "\n")
    found = report(tmp_path)
    assert [one.file for one in found.unreadable] == ["deep.py"]
    assert (len(found.findings), found.exit_code) == (1, 2)


@pytest.mark.parametrize(
    "source",
    [
        "def a(x):\n    return " + " + ".join(["x"] * 900),
        "def a(x):\n    if x:\n        y = 1\n" + "    elif x:\n        y = 1\n" * 500,
        "def a(x):\n    return x" + ".b()" * 300,
    ],
)
def test_a_long_file_is_judged_like_any_other(tmp_path: Path, source: str) -> None:
    fault = RENDERED.replace(
        'render(request, "a.html")', 'render(request, "a.html", {"x": ' + "(" * 60 + "1" + ")" * 60 + "})"
    )
    write(tmp_path, source + "\n" + fault)
    found = report(tmp_path)
    assert (found.unreadable, len(found.findings)) == ([], 1)


def test_what_is_no_regular_file_is_named_and_nobody_waits_for_it(tmp_path: Path) -> None:
    write(tmp_path, RENDERED)
    (tmp_path / "broken.py").symlink_to(tmp_path / "nowhere.py")
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "endless.py").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "fifo.py")
    (tmp_path / "large.py").write_text("x = 1\n" * 1_000_000)
    found = report(tmp_path)
    assert [one.file for one in found.unreadable] == ["broken.py", "endless.py", "fifo.py", "large.py"]
    assert (len(found.findings), found.exit_code) == (1, 2)


def test_one_file_is_judged_by_what_the_others_do(tmp_path: Path) -> None:
    write(tmp_path, _calls_of_run(1) + "# file: app/broken.py\ndef (\n")
    (tmp_path / "app" / "other.py").write_text(RENDERED)
    found = check([tmp_path / "app" / "views.py"], config=config.Config(root=tmp_path))
    assert [finding.rule for finding in found.findings] == ["R3"]
    assert (found.files, found.unreadable, found.calls_known) == (1, [], found.calls)


def test_places_are_told_from_the_projects_root_wherever_one_points(tmp_path: Path) -> None:
    write(tmp_path, RENDERED)
    (tmp_path / "manage.py").touch()
    for path in (tmp_path, tmp_path / "app", tmp_path / "app" / "views.py"):
        assert [finding.file for finding in check([path]).findings] == ["app/views.py"]


def test_two_rules_broken_in_one_line_are_both_told(tmp_path: Path) -> None:
    write(tmp_path, '# file: settings.py\nDATABASES = {"default": {"ATOMIC_REQUESTS": True, "CONN_MAX_AGE": 60}}\n')
    first, second = report(tmp_path).findings
    assert "ATOMIC_REQUESTS" in first.message
    assert "CONN_MAX_AGE" in second.message


def test_a_copy_of_the_guard_works_and_leaves_itself_out(tmp_path: Path) -> None:
    shutil.copytree(Path(analysis.__file__).parent, tmp_path / "guard")
    write(tmp_path, RENDERED)
    ran = subprocess.run(
        [sys.executable, "-m", "guard", "."], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1, ran.stderr
    assert "guard: 1 file in " in ran.stdout


def test_virtual_environments_are_passed_over_whatever_they_are_called(tmp_path: Path) -> None:
    write(tmp_path, "# file: environment/lib/app.py\n" + RENDERED)
    write(tmp_path, "# file: fine.py\nx = 1\n")
    (tmp_path / "environment" / "pyvenv.cfg").touch()
    assert (report(tmp_path).files, report(tmp_path).exit_code) == (1, 0)


def test_whoever_looked_at_nothing_does_not_say_clean(tmp_path: Path) -> None:
    write(tmp_path, "# file: tests/test_a.py\n" + RENDERED)
    found = report(tmp_path)
    assert (found.files, found.exit_code) == (0, 2)
    assert "no Python file" in as_text(found)


def test_the_last_of_many_different_calls_is_judged_by_what_it_hands_over(tmp_path: Path) -> None:
    expected, found = judge(tmp_path, _calls_of_run(30))
    assert found == expected
    assert len(expected) == 1


def test_calls_judged_without_their_arguments_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis, "MAX_CONTEXTS_WITH_CALLABLES", 100)
    write(tmp_path, _calls_of_run(150))
    found = report(tmp_path)
    assert found.findings == []
    assert found.calls_cut > 40
    assert found.calls_known == found.calls - found.calls_cut
    assert f"{found.calls_cut} calls judged without their arguments" in as_text(found)


def _calls_of_run(honest: int) -> str:
    """One function that runs what it is given in a block, given something else every time; the last calls somebody."""
    first = """
from django.db import transaction
from app.models import Server
from gateway.http_pool import call

def run(work):
    with transaction.atomic():
        return work()
"""
    many = [
        f"def a{place}():\n    run(lambda: Server.objects.filter(pk={place}).exists())\n" for place in range(honest)
    ]
    return first + "\n".join([*many, 'def z():\n    run(lambda: call("http://a.example"))  # R3\n']) + POOL


def test_a_chain_of_functions_that_is_not_settled_in_time_is_said_to_be_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = """
from app.models import Server

def even(n):
    return odd(n - 1) if n else Server.objects.all()

def odd(n):
    return even(n - 1) if n else None
"""
    write(tmp_path, sample)
    assert report(tmp_path).settled
    monkeypatch.setattr(analysis, "MAX_PASSES", 1)
    assert not report(tmp_path).settled
    assert "not settled" in as_text(report(tmp_path))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('engine = "magic"', "engine"),
        ("engine = []", "engine"),
        ("speed = 3", "speed"),
        ("effects = { magic = [] }", "magic"),
        ("effects = 3", "effects"),
        ('effects = { render = "app.x" }', "effects"),
        ('exclude = "tests/**"', "exclude"),
        ('clients = "a/*"', "clients"),
        ("paths = [1]", "paths"),
        ('lock_timeout = "no"', "lock_timeout"),
        ("allowlist = 3", "allowlist"),
        ('data = { "a.b" = 3 }', "data"),
        ('data = { "a.b" = ["context", 2] }', "data"),
    ],
)
def test_a_configuration_that_cannot_be_followed_is_refused_by_name(tmp_path: Path, table: str, said: str) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.poolgate.guard]\n{table}\n")
    with pytest.raises(config.BadConfig, match=said):
        check([tmp_path])


def test_a_table_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool]\npoolgate = 3\n")
    with pytest.raises(config.BadConfig, match="poolgate"):
        check([tmp_path])
