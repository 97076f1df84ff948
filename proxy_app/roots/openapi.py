"""The endpoints of roots in the OpenAPI document."""

from functools import partial

from gatewaysite.openapi import ALWAYS, WRONG, Good, Room, an_object, list_of, operation, ref
from proxy_app.roots.bodies import ExportParameters, RootCreate, RootData, RootExport, RootUpdate

KEYS = {"root": "The root's URI, escaped."}
LISTED: Good = {200: ("By URI.", list_of("RootData"))}
TOLD: Good = {200: ("The root.", ref("RootData"))}
MADE: Good = {201: ("The root.", ref("RootData"))}
GONE: Good = {200: ("It is gone.", an_object({"status": {"const": "success"}, "message": {"type": "string"}}))}
EXPORTED: Good = {200: ("The root, and who asked when.", ref("RootExport"))}

one = partial(operation, tag="roots")
ROOTS = Room(
    paths={
        "/roots": {
            "get": one("List roots", LISTED, *ALWAYS),
            "post": one("Add a root", MADE, *ALWAYS, *WRONG, body=RootCreate),
        },
        "/roots/export": {"get": one("Export a root", EXPORTED, *ALWAYS, 404, 422, query=ExportParameters)},
        "/roots/{root}": {
            "get": one("Read a root", TOLD, *ALWAYS, 404, keys=KEYS),
            "put": one("Rename a root", TOLD, *ALWAYS, *WRONG, 404, body=RootUpdate, keys=KEYS),
            "delete": one("Remove a root", GONE, *ALWAYS, 404, keys=KEYS),
        },
    },
    answers=(RootData, RootExport),
    bodies=(RootCreate, RootUpdate),
)
