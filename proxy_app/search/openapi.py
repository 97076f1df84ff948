"""The search in the OpenAPI document."""

from gatewaysite.openapi import Room, operation, ref
from proxy_app.search.bodies import SearchData, SearchParameters

SEARCH = Room(
    paths={
        "/search": {
            "get": operation(
                "Search everything you can see",
                {200: ("What was found, by type.", ref("SearchData"))},
                400, 401, 403, 422, 503,
                tag="search", query=SearchParameters,
            ),
        },
    },
    answers=(SearchData,),
)  # fmt: skip
