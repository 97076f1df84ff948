"""Headers of a gateway's calls: which of the caller's pass, which are added, which are left out. Checked and stored."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from gatewaysite.secrets import open_sealed, seal
from gatewaysite.validation import MASK, Body, bad_field
from proxy_app.proxy_rules import never_to_upstream
from proxy_app.registry.credentials import HEADER_NAME, RESERVED, sendable
from proxy_app.registry.kind import Values

# Set for every message; and what only the gateway itself may tell a server.
OURS = RESERVED | {"accept-encoding", "authorization", "cookie", "user-agent"}
# What may be left out although the gateway sends it.
CAN_BE_LEFT_OUT = frozenset({"user-agent"})
MOST = 20


def _named(name: str) -> str:
    if not HEADER_NAME.fullmatch(name):
        raise PydanticCustomError("header_name", "This is not the name of a header")
    return name


def _may_pass(name: str) -> str:
    lower = _named(name).lower()
    if lower in OURS or lower.startswith("mcp-") or never_to_upstream(lower.encode()):
        raise PydanticCustomError(
            "header_reserved",
            "This header is never passed on: it is the connection's, the gateway's, or the caller's secret",
        )
    return name


def _may_add(name: str) -> str:
    lower = _named(name).lower()
    if lower in OURS or lower.startswith("mcp-"):
        raise PydanticCustomError("header_reserved", "The gateway sets this header itself, or it is a credential")
    return name


def _may_leave_out(name: str) -> str:
    lower = _named(name).lower()
    if lower not in CAN_BE_LEFT_OUT and (lower in OURS or lower.startswith("mcp-")):
        raise PydanticCustomError("header_reserved", "Without this header no call would arrive")
    return name


def _none_twice[Names: (list[str], dict[str, str])](names: Names) -> Names:
    if len({name.lower() for name in names}) < len(names):
        raise PydanticCustomError("header_twice", "A header is listed twice")
    return names


AddedValue = Annotated[str, StringConstraints(min_length=1, max_length=4096), AfterValidator(sendable)]


class PassedHeaders(Body):
    """What a call says beside the credential."""

    passthrough_headers: Annotated[
        list[Annotated[str, AfterValidator(_may_pass)]], Field(max_length=MOST), AfterValidator(_none_twice)
    ] = Field([], description="Of the caller's headers, those that go on to the server.")
    add_headers: Annotated[
        dict[Annotated[str, AfterValidator(_may_add)], AddedValue],
        Field(max_length=MOST),
        AfterValidator(_none_twice),
    ] = Field({}, description=f"Kept sealed, and answered as {MASK}; to send that keeps the value of this name.")
    remove_headers: Annotated[
        list[Annotated[str, AfterValidator(_may_leave_out)]], Field(max_length=MOST), AfterValidator(_none_twice)
    ] = Field([], description="Headers that are not sent, such as User-Agent.")


def with_added(row: Any, columns: Mapping[str, Any]) -> Values:
    """For a `store` hook: added headers as the two columns they become. Those that are masked keep what is stored."""
    said = columns.get("add_headers")
    if said is None:
        return columns
    stored = open_sealed(row.sealed_add_headers) if MASK in said.values() else {}
    unknown = [name for name, value in said.items() if value == MASK and name not in stored]
    if unknown:
        raise bad_field("add_headers", f"There is no value stored for {', '.join(unknown)}", "masked")
    values = {name: stored[name] if value == MASK else value for name, value in said.items()}
    if values == stored and said.keys() == row.add_headers.keys():
        return {**columns, "add_headers": dict.fromkeys(said, MASK)}
    return {**columns, "add_headers": dict.fromkeys(said, MASK), "sealed_add_headers": seal(values)}
