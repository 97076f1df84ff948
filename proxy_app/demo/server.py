"""The demo upstream: a small real MCP server on the official SDK, for first steps. Knows nothing of Django."""

import argparse
import asyncio
from datetime import UTC, datetime
from typing import Annotated

import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from pydantic import BaseModel, Field

INSTRUCTIONS = "A few harmless tools to try Poolgate with."
LONGEST_WAIT_S = 30.0


class WordCount(BaseModel):
    """What count_words answers."""

    words: int
    characters: int
    longest: str


def echo(text: str) -> str:
    """Return the text unchanged."""
    return text


def add(a: float, b: float) -> float:
    """Add two numbers."""
    return a + b


def clock(offset_hours: Annotated[float, Field(ge=-14, le=14, description="Hours east of UTC")] = 0) -> str:
    """The present time."""
    moment = datetime.now(UTC).timestamp() + offset_hours * 3600
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S")


def count_words(text: str) -> WordCount:
    """Count words and characters, and find the longest word."""
    words = text.split()
    return WordCount(words=len(words), characters=len(text), longest=max(words, key=len, default=""))


async def wait(seconds: float, ctx: Context) -> str:
    """Wait, reporting progress ten times on the way."""
    seconds = min(max(seconds, 0), LONGEST_WAIT_S)
    for step in range(10):
        await ctx.report_progress(step, 10, f"{step * 10} %")
        await asyncio.sleep(seconds / 10)
    return f"waited {seconds:g} seconds"


def readme() -> str:
    """What this server is."""
    return INSTRUCTIONS


def summarise(text: str) -> str:
    """Ask for a summary in one sentence."""
    return f"Summarise this in one sentence:\n\n{text}"


def main() -> None:
    """Serve until stopped, on the host and port of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    options = parser.parse_args()
    server = MCPServer("poolgate-demo", version="1.0.0", instructions=INSTRUCTIONS, log_level="WARNING")
    for tool in (echo, add, clock, count_words, wait):
        server.add_tool(tool)
    server.resource("demo://readme", mime_type="text/plain")(readme)
    server.prompt()(summarise)
    uvicorn.run(server.streamable_http_app(), host=options.host, port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
