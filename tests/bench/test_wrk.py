"""What wrk printed becomes figures."""

import shutil

import pytest

from bench import wrk

RECORDED = """\
Running 6s test @ http://127.0.0.1:44305/mcp
  2 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency    14.62ms    9.33ms 102.30ms   87.51%
    Req/Sec     2.30k   444.38     3.15k    67.50%
  27465 requests in 6.01s, 13.52MB read
  Socket errors: connect 0, read 3, write 0, timeout 2
  Non-2xx or 3xx responses: 7
Requests/sec:   4569.91
Transfer/sec:      2.25MB

BENCH {"requests":27465,"seconds":6.009966,"bytes":14175940,"p50_ms":12.841,"p90_ms":24.120,"p99_ms":48.206,\
"max_ms":102.297,"connect":0,"read":3,"write":0,"timeout":2,"refused":7,"wrong":1,"sample":"503 { detail : busy }"}
"""


def test_the_figures_are_those_of_our_script() -> None:
    load = wrk.parse(RECORDED)
    assert load.requests == 27_465
    assert load.rate == pytest.approx(4569.91, abs=0.01)
    assert (load.p50_ms, load.p99_ms, load.max_ms) == (12.841, 48.206, 102.297)
    assert load.sample == "503 { detail : busy }"


def test_every_way_to_fail_is_an_error() -> None:
    assert wrk.parse(RECORDED).failed == 3 + 2 + 7 + 1


def test_output_without_figures_is_no_result() -> None:
    with pytest.raises(wrk.NoWrk, match="unable to connect"):
        wrk.parse("unable to connect to 127.0.0.1:1 Connection refused\n")


def test_a_load_that_never_began_has_no_rate() -> None:
    load = wrk.parse(RECORDED.replace('"seconds":6.009966', '"seconds":0.0'))
    assert load.rate == 0


def test_without_wrk_the_package_to_install_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(wrk.NoWrk, match="apt-get install -y wrk"):
        wrk.find_wrk()
