"""A whole gateway in processes of its own, and Chromium to look at it. Skipped where no Chromium is installed."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update")  # fmt: skip
# Generous: two of these may start at once on a machine that is busy with something else.
READY_WITHIN_S = 120
STOPPED_WITHIN_S = 60
ANSWER_WITHIN_MS = 20_000
EMAIL, PASSWORD = "admin@example.com", "correct-horse-battery"


@dataclass(frozen=True)
class Site:
    """A running gateway with one administrator, and a demo upstream that nobody has registered yet.

    Its parked views go on when `run_folder` has a file named `leave`.
    """

    url: str
    demo_url: str
    run_folder: Path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    port, demo_port = free_port(), free_port()
    run_folder = tmp_path_factory.mktemp("run")
    with ExitStack() as stack:
        environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "tests.observe.parked_settings",
            "RUN_DIR": str(run_folder),
            "DB_IDLE_IN_TRANSACTION_SESSION_TIMEOUT": "60",
            "DATABASE_URL": stack.enter_context(own_database(os.environ["DATABASE_URL"])),
            "SECRET_KEY": "only-for-browser-tests",
            "PORT": str(port),
            "WORKERS": "1",
            # A name, as passkeys want one.
            "PUBLIC_URL": f"http://localhost:{port}",
            "ADMIN_EMAIL": EMAIL,
            "ADMIN_PASSWORD": PASSWORD,
            "UPSTREAM_ALLOWED_NETWORKS": "127.0.0.0/8",
            "LOG_LEVEL": "WARNING",
        }
        for command in (["migrate", "-v0"], ["collectstatic", "--noinput", "-v0"], ["gateway", "bootstrap"]):
            subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, env=environment, check=True)
        demo = ["manage.py", "gateway", "demo-upstream", "--port", str(demo_port)]
        stack.enter_context(running(demo, environment))
        stack.enter_context(running(["-m", "gunicorn", "--config", "gunicorn.conf.py"], environment))
        url = f"http://localhost:{port}"
        wait_until(lambda: accepts(demo_port), "the demo upstream")
        wait_until(lambda: is_ready(url), "the gateway")
        yield Site(url, f"http://127.0.0.1:{demo_port}/mcp", run_folder)


# Not for the session: while Playwright runs, its event loop would be in the way of every async test of this process.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    expect.set_options(timeout=ANSWER_WITHIN_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, site: Site) -> Iterator[Page]:
    """A fresh browser, not signed in. What its console complains about fails the test, CSP violations included."""
    with chromium.new_context(base_url=site.url, viewport={"width": 1280, "height": 800}) as context:
        page = context.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.extend(complaint(message)))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
        assert complaints == []


@pytest.fixture
def admin_page(page: Page) -> Page:
    log_in(page)
    return page


def log_in(page: Page) -> None:
    page.goto("/login")
    page.fill("#login", EMAIL)
    page.fill("#password", PASSWORD)
    page.click("button:text-is('Log in')")
    page.wait_for_url("**/admin")


def complaint(message: ConsoleMessage) -> list[str]:
    """Chromium also reports answers with 4xx as errors; a form that comes back with 422 is none."""
    expected = message.text.startswith("Failed to load resource") and "422" in message.text
    return [message.text] if message.type in {"error", "warning"} and not expected else []


@contextmanager
def own_database(url: str) -> Iterator[str]:
    name = f"browser_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        parts = urlsplit(url)
        yield f"{parts.scheme}://{parts.netloc}/{name}?{parts.query}"  # urlunsplit would drop an empty netloc's slashes
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def running(command: list[str], environment: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment)
    try:
        yield
    finally:
        process.terminate()
        process.wait(STOPPED_WITHIN_S)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while not holds():
        assert time.monotonic() < deadline, f"{what} did not answer within {READY_WITHIN_S} s"
        time.sleep(0.1)


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=2).is_success
    except httpx.TransportError:
        return False
