"""A very long answer through a proxy route: how fast it passes, and by how much the gateway grows."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bench.gateway import GatewayFailed
from bench.processes import cpu_s, pss_mb
from bench.stage import Stage
from bench.workloads import PROXY_ROUTE, Access

GB = 1000**3
READ_BYTES = 1024 * 1024
LOOK_EVERY_S = 0.25


@dataclass
class Grown:
    """The most memory that was seen."""

    pss_mb: float


def stream_through(stage: Stage, access: Access, gigabytes: float) -> dict[str, Any]:
    """Read that much over one connection, as fast as it comes. Raises GatewayFailed when it is not all."""
    _read(stage, access, 50_000_000)  # buffers that every stream needs are there from now on
    before, cpu_before, began = pss_mb(stage.gateway_pid), cpu_s(stage.gateway_pid), time.monotonic()
    with _watching(stage.gateway_pid) as grown:
        _read(stage, access, int(gigabytes * GB))
    seconds = time.monotonic() - began
    return {
        "gigabytes": gigabytes,
        "seconds": seconds,
        "mb_per_s": gigabytes * 1000 / seconds,
        "cpu_s_per_gb": (cpu_s(stage.gateway_pid) - cpu_before) / gigabytes,
        "growth_mb": max(0.0, grown.pss_mb - before),
    }


def _read(stage: Stage, access: Access, size: int) -> None:
    gateway = stage.gateway
    request = (
        f"GET /proxy/{PROXY_ROUTE}/bytes/{size} HTTP/1.1\r\nHost: {gateway.host}\r\n"
        f"Authorization: Bearer {access.token}\r\nConnection: close\r\n\r\n"
    )
    buffer = bytearray(READ_BYTES)
    with socket.create_connection((gateway.host, gateway.port), 30) as connection:
        connection.sendall(request.encode())
        heard = connection.recv_into(buffer)
        head, _, body = bytes(buffer[:heard]).partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise GatewayFailed(f"The stream was answered {head[:200].decode(errors='replace')}")
        left = size - len(body)
        while left and (heard := connection.recv_into(buffer)):
            left -= heard
    if left:
        raise GatewayFailed(f"The stream broke off, {left:,} of {size:,} bytes were missing.")


@contextmanager
def _watching(pid: int) -> Iterator[Grown]:
    grown, stop = Grown(pss_mb(pid)), threading.Event()

    def watch() -> None:
        while not stop.wait(LOOK_EVERY_S):
            grown.pss_mb = max(grown.pss_mb, pss_mb(pid))

    thread = threading.Thread(target=watch, name="bench-memory")
    thread.start()
    try:
        yield grown
    finally:
        stop.set()
        thread.join()
