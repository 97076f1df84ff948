"""CPU time and memory of process trees, as Linux counts them in /proc."""

import os
from collections import defaultdict
from pathlib import Path

PROC = Path("/proc")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def tree(root: int) -> list[int]:
    """The process and all its descendants."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children[int(fields[1])].append(int(entry.name))
    found = [root]
    for pid in found:
        found += children[pid]
    return found


def cpu_s(root: int) -> float:
    """User and system seconds of the tree so far; children that ended and were waited for are in their parent's."""
    total = 0
    for pid in tree(root):
        if fields := _stat(pid):
            total += sum(int(fields[at]) for at in (11, 12, 13, 14))
    return total / TICKS_PER_S


def pss_mb(root: int) -> float:
    """Proportional set size of the tree: pages several processes share are counted once, in parts."""
    return sum(_pss_kb(pid) for pid in tree(root)) / 1024


def machine_cpu_s() -> float:
    """Busy seconds of all cores since boot: what every process on the machine has used."""
    line = (PROC / "stat").read_text().split("\n", 1)[0]
    user, nice, system, _idle, _iowait, irq, softirq, steal = (int(field) for field in line.split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS_PER_S


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/<pid>/stat from the state on; None when the process is gone."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return parse_stat(text)


def parse_stat(text: str) -> list[str]:
    """Everything after the name, which stands in parentheses and may hold blanks and parentheses itself."""
    return text.rpartition(")")[2].split()


def _pss_kb(pid: int) -> int:
    try:
        return parse_pss_kb((PROC / str(pid) / "smaps_rollup").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return 0


def parse_pss_kb(text: str) -> int:
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
