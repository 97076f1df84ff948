"""Reading /proc."""

import os
import subprocess
import sys

from bench import processes

STAT = "4242 (a (strange) name) S 4200 4242 4242 0 -1 4194560 9000 10 0 0 150 25 7 3 20 0 6 0 99 1 2 3"
ROLLUP = """\
55d5c0a5b000-7ffd5e9f4000 ---p 00000000 00:00 0                          [rollup]
Rss:               90812 kB
Pss:               61234 kB
Pss_Dirty:         50000 kB
"""


def test_a_name_may_hold_blanks_and_parentheses() -> None:
    fields = processes.parse_stat(STAT)
    assert fields[1] == "4200"
    assert [fields[at] for at in (11, 12, 13, 14)] == ["150", "25", "7", "3"]


def test_the_proportional_share_is_read_and_no_other() -> None:
    assert processes.parse_pss_kb(ROLLUP) == 61_234


def test_a_tree_holds_the_children() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert child.pid in processes.tree(os.getpid())
        child.communicate(b"\n")


def test_a_process_that_is_gone_has_used_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    assert processes.cpu_s(child.pid) == 0
    assert processes.pss_mb(child.pid) == 0
