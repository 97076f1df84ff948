"""PostgreSQL from a wheel, for `make run` and `make test`: one private server per folder, over a Unix socket only."""

from gatewaysite.embedded.errors import EmbeddedError, FolderInUse
from gatewaysite.embedded.server import running_url, serve, serve_spare

__all__ = ["EmbeddedError", "FolderInUse", "running_url", "serve", "serve_spare"]
