"""A report as text for people, as JSON, and as SARIF 2.1.0 for code hosts and editors."""

import json
from collections.abc import Callable
from typing import Any

from .engine import Report
from .model import RULES, Finding, Step

TOOL = "connection guard"


def as_text(report: Report) -> str:
    lines = [f"{one.file}:{one.line} is not read: {one.reason}" for one in report.unreadable]
    lines += [f"{one.file}:{one.line} {one.rule} {one.message}  path: {one.route}" for one in report.findings]
    return "\n".join([*lines, *report.problems, summary(report)])


def summary(report: Report) -> str:
    """One line: what was looked at, how much of it is known, what was found."""
    found = "clean" if not report.findings else _counted(len(report.findings), "finding")
    parts = [
        f"{_counted(report.files, 'file')} in {report.seconds:.1f} s",
        f"{report.coverage:.1%} of {report.calls:,} calls resolved",
        found,
    ]
    if report.calls_cut:
        parts.append(f"{_counted(report.calls_cut, 'call')} judged without their arguments")
    if not report.settled:
        parts.append("not settled: there may be more")
    if report.allowed:
        parts.append(f"{report.allowed} on the allowlist")
    if report.unreadable:
        parts.append(f"{_counted(len(report.unreadable), 'file')} unreadable")
    if report.problems:
        parts.append(_counted(len(report.problems), "problem"))
    return "guard: " + ", ".join(parts)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number:,} {noun}s"


def as_json(report: Report) -> str:
    whole = {
        "findings": [_finding(one, mark) for one, mark in zip(report.findings, report.fingerprints, strict=True)],
        "unreadable": [{"file": one.file, "line": one.line, "reason": one.reason} for one in report.unreadable],
        "problems": report.problems,
        "allowed": report.allowed,
        "files": report.files,
        "calls": report.calls,
        "calls_resolved": report.calls_known,
        "calls_cut": report.calls_cut,
        "settled": report.settled,
        "seconds": round(report.seconds, 3),
    }
    return json.dumps(whole, indent=2)


def _finding(finding: Finding, fingerprint: str) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "file": finding.file,
        "line": finding.line,
        "function": finding.function,
        "fingerprint": fingerprint,
        "message": finding.message,
        "path": [{"file": step.file, "line": step.line, "label": step.label} for step in finding.path],
    }


def as_sarif(report: Report) -> str:
    rules = [{"id": rule, "shortDescription": {"text": text}} for rule, text in RULES.items()]
    notes = [
        {
            "level": "error",
            "message": {"text": f"is not read: {one.reason}"},
            "locations": [_place(one.file, one.line)],
        }
        for one in report.unreadable
    ]
    notes += [{"level": "error", "message": {"text": problem}} for problem in report.problems]
    run = {
        "tool": {"driver": {"name": TOOL, "rules": rules}},
        "results": [_result(finding) for finding in report.findings],
        "invocations": [
            {"executionSuccessful": not notes, "toolExecutionNotifications": notes, "exitCode": report.exit_code}
        ],
        "columnKind": "unicodeCodePoints",
    }
    return json.dumps(
        {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}, indent=2
    )


def _result(finding: Finding) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": list(RULES).index(finding.rule),
        "level": "error",
        "message": {"text": f"{finding.message} ({finding.route})"},
        "locations": [_place(finding.file, finding.line)],
    }
    if finding.path:
        result["codeFlows"] = [{"threadFlows": [{"locations": [_flow(step) for step in finding.path]}]}]
    return result


def _flow(step: Step) -> dict[str, Any]:
    return {"location": {**_place(step.file, step.line), "message": {"text": step.label}}}


def _place(file: str, line: int) -> dict[str, Any]:
    return {"physicalLocation": {"artifactLocation": {"uri": file}, "region": {"startLine": max(1, line)}}}


FORMATS: dict[str, Callable[[Report], str]] = {"text": as_text, "json": as_json, "sarif": as_sarif}
