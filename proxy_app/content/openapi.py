"""What resources say and prompts make of arguments, in the OpenAPI document."""

from functools import partial

from gatewaysite.openapi import ALWAYS, Good, Room, operation, ref
from proxy_app.content.bodies import (
    Arguments,
    ContentParameters,
    RenderedPrompt,
    ResourceContents,
    TemplateList,
    TestedResource,
    VersionList,
)

KEYS = {"key": "An id, with or without dashes, or a slug."}
SAID: Good = {200: ("What it says.", ref("ResourceContents"))}
TESTED: Good = {200: ("What it says.", ref("TestedResource"))}
LISTED: Good = {200: ("Newest first.", ref("TemplateList"))}
VERSIONS: Good = {200: ("Newest first.", ref("VersionList"))}
AGAIN: Good = {200: ("The prompt.", ref("PromptData"))}
MESSAGES: Good = {200: ("The messages.", ref("RenderedPrompt"))}

of_resources, of_prompts = partial(operation, tag="resources"), partial(operation, tag="prompts")
RENDER = of_prompts(
    "Render a prompt", MESSAGES, *ALWAYS, 400, 404, 409, 413, 415, 422, 502, 504, body=Arguments, keys=KEYS
)

CONTENT = Room(
    paths={
        "/resources/templates/list": {"get": of_resources("List the resources that are templates", LISTED, *ALWAYS)},
        "/resources/test/{key}": {
            "get": of_resources(
                "Read what is at a URI", TESTED, *ALWAYS, 404, 422, 502, 504,
                keys={"key": "The URI, as clients know it; slashes need not be escaped."},
            )
        },
        "/resources/{key}/content": {
            "get": of_resources(
                "Read what a resource says", SAID, *ALWAYS, 404, 409, 422, 502, 504, query=ContentParameters, keys=KEYS
            )
        },
        "/prompts/{key}/versions": {
            "get": of_prompts("List what a prompt's template was", VERSIONS, *ALWAYS, 404, 409, keys=KEYS)
        },
        "/prompts/{key}/versions/{number}/restore": {
            "post": of_prompts(
                "Make an earlier template the prompt's again", AGAIN, *ALWAYS, 404, 409, 422,
                keys=KEYS | {"number": "The version's number."},
            )
        },
    },
    answers=(ResourceContents, TestedResource, TemplateList, RenderedPrompt, VersionList),
    bodies=(Arguments,),
)  # fmt: skip
