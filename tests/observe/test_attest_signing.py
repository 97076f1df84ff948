"""A report can be checked by anybody, and by nobody be changed."""

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.core.management import CommandError, ManagementUtility, call_command
from django.utils import timezone
from pytest_django import Settings

from proxy_app.models import Attestation
from proxy_app.observe.attest import work
from proxy_app.observe.attest.identity import code, identity
from proxy_app.observe.attest.report import make_report
from proxy_app.observe.attest.signing import NotSigned, check, public_key, sign
from tests.observe.attesting import A_LOAD, a_sample, a_tally, a_window, idle_in_transaction

SECRET = "another-secret-key-of-another-installation"


@pytest.fixture
def document() -> dict[str, Any]:
    return sign(make_report(a_window(tally=a_tally(a_sample(idle_in_transaction(123.4))))))


def test_a_signed_report_is_genuine(document: dict[str, Any]) -> None:
    checked = check(json.dumps(document, indent=3).encode())
    assert checked.report == document["report"]
    assert checked.ours


def test_whoever_has_the_public_key_can_check_it_without_us(document: dict[str, Any]) -> None:
    """The few lines of docs/attestation.md."""
    file = json.loads(json.dumps(document))
    text = json.dumps(file["report"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(file["signature"]["public_key"]))
    key.verify(base64.b64decode(file["signature"]["value"]), text.encode())


@pytest.mark.parametrize("name", ["verdict", "began_at", "requests", "installation"])
def test_one_changed_member_is_found_out(document: dict[str, Any], name: str) -> None:
    document["report"][name] = "passed" if name == "verdict" else "something else"
    with pytest.raises(NotSigned, match="changed"):
        check(json.dumps(document).encode())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'"text"',
        b"\xff",
        b"[" * 100_000,
        b'{"report": {}, "signature": {}}',
        b'{"report": 1, "signature": 2}',
        b'{"report": NaN, "signature": {}}',
        b'{"report": {"requests": 1e999}, "signature": {}}',
    ],
)
def test_what_is_no_report_is_told_so(data: bytes) -> None:
    with pytest.raises(NotSigned, match="not a signed report"):
        check(data)


def test_a_report_that_says_two_things_is_not_genuine(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    for twice in (
        text.replace('"verdict": "failed"', '"verdict": "passed", "verdict": "failed"'),
        text.replace('{"report":', '{"report": {"verdict": "passed"}, "report":'),
        text.replace('"limit_ms":', '"limit_ms": 1, "limit_ms":'),
    ):
        assert twice != text
        with pytest.raises(NotSigned, match="stands twice"):
            check(twice.encode())


def test_what_stands_beside_the_report_is_signed_by_nobody(document: dict[str, Any]) -> None:
    with pytest.raises(NotSigned, match="not a signed report"):
        check(json.dumps(document | {"verdict": "passed"}).encode())


def test_each_installation_has_its_own_key(document: dict[str, Any], settings: Settings) -> None:
    own = public_key()
    settings.SECRET_KEY = SECRET
    assert public_key() != own
    checked = check(json.dumps(document).encode())
    assert checked.public_key == own
    assert not checked.ours


def test_no_number_is_written_differently_by_different_languages() -> None:
    load = {**A_LOAD, "pause_s": 1e-05, "parts": [{"p50_ms": 1e16, "p99_ms": 0.1 + 0.2}]}
    document = sign(make_report(a_window(tally=a_tally(a_sample(idle_in_transaction(123.4)))), load=load))
    test_whoever_has_the_public_key_can_check_it_without_us(document)

    def numbers(value: Any) -> list[float]:
        if isinstance(value, dict):
            return [number for member in value.values() for number in numbers(member)]
        if isinstance(value, list):
            return [number for member in value for number in numbers(member)]
        return [value] if isinstance(value, float) else []

    report = document["report"]
    assert [number for number in numbers(report) if number.is_integer() or "e" in repr(number)] == []
    assert (report["load"]["pause_s"], report["load"]["parts"]) == (0, [{"p50_ms": 10**16, "p99_ms": 0.3}])


def test_a_kept_report_is_still_genuine(db: None, document: dict[str, Any]) -> None:
    key = work.keep(document, began_at=timezone.now())
    kept = Attestation.objects.get(pk=key).document
    assert check(json.dumps(kept).encode()).ours


def test_the_command_says_whose_it_is(
    document: dict[str, Any], tmp_path: Any, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "report.json"
    file.write_text(json.dumps(document))
    own = public_key()
    assert verify(file) == 0
    assert "GENUINE" in capsys.readouterr().out
    settings.SECRET_KEY = SECRET
    assert verify(file) == 1
    assert f"ANOTHER KEY: signed with {own}, not with {public_key()}, this installation's" in capsys.readouterr().out
    assert verify(file, "--key", own) == 0
    file.write_text(file.read_text().replace('"failed"', '"passed"'))
    assert verify(file, "--key", own) == 1
    assert "NOT GENUINE" in capsys.readouterr().out
    with pytest.raises(CommandError, match="cannot be read") as trouble:
        verify(tmp_path / "absent.json")
    assert trouble.value.returncode == 2


def test_what_a_stranger_signed_is_printed_so_that_it_does_nothing(
    document: dict[str, Any], tmp_path: Any, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    file, own = tmp_path / "report.json", public_key()
    settings.SECRET_KEY = SECRET
    tricks = "\x1b[2K\x1b[1A\rGENUINE\n\u202e" + "x" * 5000
    file.write_text(json.dumps(sign(document["report"] | {"installation": tricks, "verdict": {"a": ["\x07"]}})))
    settings.SECRET_KEY = "and-this-one-checks"
    assert verify(file) == 1
    printed = capsys.readouterr().out
    assert [letter for letter in printed if not letter.isprintable()] == ["\n", "\n"]
    assert "\\x1b[2K" in printed
    assert len(printed) < 1000
    assert own not in printed


@pytest.mark.parametrize("report", [{"a": 1}, {}, {"format": None, "verdict": "passed"}])
def test_something_else_that_is_signed_is_no_attestation(
    report: dict[str, Any], tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "report.json"
    file.write_text(json.dumps(sign(report)))
    assert verify(file) == 1
    assert "NOT GENUINE: what " in capsys.readouterr().out


@pytest.mark.parametrize("key", ["abc", "", "AAAA", "ü", "x" * 44])
def test_what_is_no_key_is_refused(key: str, tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        ManagementUtility(["manage.py", "gateway", "attest", "--verify", "x.json", "--key", key]).execute()
    assert end.value.code == 2
    assert "not a key" in capsys.readouterr().err


def verify(file: Any, *more: str) -> Any:
    with pytest.raises(SystemExit) as end:
        call_command("gateway", "attest", "--verify", str(file), *more)
    return end.value.code


def test_a_report_says_which_installation_and_which_code(settings: Settings) -> None:
    settings.PUBLIC_URL = "https://gateway.example.com"
    assert identity()["installation"] == "https://gateway.example.com"
    assert len(code()) == 64
