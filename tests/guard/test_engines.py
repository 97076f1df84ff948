"""What a project tells the guard: how its connections are lent, and which names of its own have effects."""

from pathlib import Path

import pytest

from gatewaysite.guard import config
from gatewaysite.guard.engine import check
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


@pytest.mark.parametrize(
    ("table", "said"),
    [('engine = "magic"', "engine"), ("speed = 3", "speed"), ("effects = { magic = [] }", "magic")],
)
def test_a_configuration_that_cannot_be_followed_is_refused_by_name(tmp_path: Path, table: str, said: str) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.poolgate.guard]\n{table}\n")
    with pytest.raises(config.BadConfig, match=said):
        check([tmp_path])
