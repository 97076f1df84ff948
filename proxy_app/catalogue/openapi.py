"""The catalogue's endpoints in the OpenAPI document."""

from functools import partial

from gatewaysite.openapi import ALWAYS, WRONG, Good, Room, operation, ref
from proxy_app.catalogue.bodies import (
    CatalogList,
    CatalogParameters,
    CatalogRegistered,
    CatalogRegistration,
    CatalogServer,
)

KEYS = {"key": "The entry's id."}
LISTED: Good = {200: ("By name.", ref("CatalogList"))}
MADE: Good = {201: ("A gateway whose registration has begun.", ref("CatalogRegistered"))}

one = partial(operation, tag="catalog")

CATALOGUE = Room(
    paths={
        "/catalog": {"get": one("Look through the catalogue", LISTED, *ALWAYS, 422, query=CatalogParameters)},
        "/catalog/{key}/register": {
            "post": one(
                "Register a server of the catalogue", MADE, *ALWAYS, *WRONG, 404,
                body=CatalogRegistration, keys=KEYS, may_be_empty=True,
            )
        },
    },
    answers=(CatalogList, CatalogServer, CatalogRegistered),
    bodies=(CatalogRegistration,),
)  # fmt: skip
