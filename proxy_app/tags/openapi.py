"""Tags in the OpenAPI document."""

from gatewaysite.openapi import Room, list_of, operation
from proxy_app.tags.bodies import EntitiesParameters, TagData, TaggedData, TagParameters

TAGS = Room(
    paths={
        "/tags": {
            "get": operation(
                "List tags, with how many items of each kind have them",
                {200: ("By name.", list_of("TagData"))},
                401, 403, 422, 503,
                tag="tags", query=TagParameters,
            ),
        },
        "/tags/{name}/entities": {
            "get": operation(
                "List the items that have a tag",
                {200: ("By name; none for a tag that nothing has.", list_of("TaggedData"))},
                401, 403, 404, 422, 503,
                tag="tags", query=EntitiesParameters, keys={"name": "The tag."},
            ),
        },
    },
    answers=(TagData, TaggedData),
)  # fmt: skip
