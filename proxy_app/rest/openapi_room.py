"""The share that tools of REST APIs have of the OpenAPI document."""

from functools import partial

from gatewaysite.openapi import ALWAYS, WRONG, Good, Room, operation, ref
from proxy_app.rest.openapi.bodies import OpenApiData, OpenApiImport, SchemasBody, SchemasData
from proxy_app.rest.preview.showing import PreviewBody, PreviewData

KEYS = {"key": "The tool's id or name."}
TOLD: Good = {200: ("What a call would be.", ref("PreviewData"))}
READ: Good = {200: ("The tools, as they would be or were made.", ref("OpenApiData"))}
DERIVED: Good = {200: ("The schemas.", ref("SchemasData"))}
# The document is fetched from somebody else.
FETCHED = (502, 504)

one = partial(operation, tag="tools")

REST = Room(
    paths={
        "/tools/preview/{key}": {
            "post": one("What a call of a tool would send", TOLD, *ALWAYS, *WRONG, 404, body=PreviewBody, keys=KEYS)
        },
        "/tools/import-openapi": {
            "post": one(
                "Make tools of an OpenAPI document, or tell what they would be", READ, *ALWAYS, *WRONG, *FETCHED,
                body=OpenApiImport,
            )
        },
        "/tools/generate-schemas-from-openapi": {
            "post": one("Derive a tool's schemas from a document", DERIVED, *ALWAYS, *WRONG, *FETCHED, body=SchemasBody)
        },
    },
    answers=(PreviewData, OpenApiData, SchemasData),
    bodies=(PreviewBody, OpenApiImport, SchemasBody),
)  # fmt: skip
