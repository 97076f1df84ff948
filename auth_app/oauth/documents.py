"""Clients whose id is the URL of a document: it is fetched here, by the one client of the process, and nowhere else."""

from collections.abc import Callable

from auth_app.oauth.bodies import ClientDocument, is_document_url
from auth_app.oauth.clients import work
from auth_app.oauth.work import BadAuthorization
from auth_app.stamps import Stamp
from gatewaysite.bodies import parse_json
from gatewaysite.errors import BadInput, GatewayError, Refused
from gatewaysite.validation import validated


class NoDataPlane(Refused):
    """This process fetches nothing."""


def _nobody(url: str) -> bytes:
    raise NoDataPlane


class Documents:
    """How a document is fetched: set when the data plane starts. Raises GatewayError."""

    fetch: Callable[[str], bytes] = staticmethod(_nobody)


def is_to_be_fetched(client_id: str) -> bool:
    return is_document_url(client_id) and work.wants_document(client_id)


def fetch(client_id: str, stamp: Stamp) -> None:
    """Know the client as its document describes it now. Waits for somebody else, with nothing held.

    Raises BadAuthorization for a document that is none, or not of this client.
    """
    try:
        told = parse_json(Documents.fetch(client_id))
        body = validated(ClientDocument, told)
    except Refused:
        raise
    except BadInput as error:
        raise BadAuthorization("The document that describes this client is not in order.") from error
    except GatewayError as error:
        raise BadAuthorization("The document that describes this client cannot be read.") from error
    if body.client_id != client_id:
        raise BadAuthorization("The document that describes this client is about another one.")
    work.keep_document(client_id, body, stamp)
