"""The endpoints of decisions in the OpenAPI document."""

from functools import partial

from auth_app.decisions.bodies import CheckData, DenialData, DenialList, DenialParameters, ItemsData, PermissionCheck
from auth_app.decisions.words import ExplanationData, ObjectData, RemedyData, RuleData
from gatewaysite.openapi import ALWAYS, Good, Room, operation, ref

KEYS = {"key": "The `decision_id` of a refusal."}
LISTED: Good = {200: ("Newest first: everybody's, or those about one's teams and oneself.", ref("DenialList"))}
TOLD: Good = {200: ("Every rule that was looked at, and what would change the answer.", ref("DenialData"))}
CHECKED: Good = {200: ("Whether it would be allowed, and why.", ref("CheckData"))}

one = partial(operation, tag="decisions")

DECISIONS = Room(
    paths={
        "/explain": {"get": one("List refusals", LISTED, *ALWAYS, 400, 422, query=DenialParameters)},
        "/explain/{key}": {"get": one("Why was this refused?", TOLD, *ALWAYS, 404, keys=KEYS)},
        "/rbac/permissions/check": {
            "post": one("Would it be allowed?", CHECKED, *ALWAYS, 400, 413, 415, 422, body=PermissionCheck)
        },
    },
    answers=(DenialData, DenialList, CheckData, ItemsData, ExplanationData, ObjectData, RemedyData, RuleData),
    bodies=(PermissionCheck,),
)
