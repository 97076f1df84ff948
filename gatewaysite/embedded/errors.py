"""What can go wrong with the embedded PostgreSQL.

EmbeddedError
└── FolderInUse
"""


class EmbeddedError(Exception):
    """The embedded PostgreSQL cannot serve; the message says why and what to do, for a person at a terminal."""


class FolderInUse(EmbeddedError):
    """Another living process serves from the same folder."""
