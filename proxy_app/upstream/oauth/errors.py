"""What can go wrong on the way to a token.

UpstreamError
|-- OAuthUnusable   502  oauth_unusable          what a server says of itself lets nobody in: a person has to act
|-- OAuthRefused    502  oauth_refused           the authorization server said no, in its own words
`-- NotConnected    502  oauth_connect_required  whoever calls has to connect, or to connect again
"""

from proxy_app.upstream.errors import UpstreamError

UNKNOWN_CLIENT = "invalid_client"
# After these another try with the same grant is no use (RFC 6749, 5.2; RFC 8707, 2).
FINAL = frozenset(
    {"invalid_grant", UNKNOWN_CLIENT, "unauthorized_client", "unsupported_grant_type", "invalid_scope"}
    | {"invalid_target", "access_denied"}
)


class OAuthUnusable(UpstreamError):
    """The server's OAuth cannot be used."""

    code, kind = "oauth_unusable", "auth"


class OAuthRefused(UpstreamError):
    """The authorization server refused."""

    code, kind = "oauth_refused", "auth"

    def __init__(self, error: str, description: str = "") -> None:
        said = f"{error} ({description})" if description else error
        super().__init__(f"The authorization server refused: {said}.")
        self.error = error

    @property
    def is_final(self) -> bool:
        return self.error in FINAL


class NotConnected(UpstreamError):
    """You are not connected to this server."""

    code, kind = "oauth_connect_required", "auth"

    def __init__(self, message: str = "", *, url: str = "", is_known: bool = True) -> None:
        """`is_known`: the connection's row says so, or that there is none; else it was only found out now."""
        super().__init__(message, maybe_sent=False)
        self.url, self.is_known = url, is_known
