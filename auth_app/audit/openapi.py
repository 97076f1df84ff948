"""The endpoints of the audit in the OpenAPI document."""

from functools import partial

from auth_app.audit.bodies import AuditData, AuditList, AuditParameters, ExportParameters
from gatewaysite.openapi import ALWAYS, Good, Room, operation, ref

LISTED: Good = {200: ("Newest first: everything, or what is about one's teams and oneself.", ref("AuditList"))}
SENT: Good = {200: ("A file of any length, one entry in each line.", None)}

one = partial(operation, tag="audit")

AUDIT = Room(
    paths={
        "/audit": {"get": one("List what happened", LISTED, *ALWAYS, 400, 422, query=AuditParameters)},
        "/audit/export": {"get": one("Take it as a file", SENT, *ALWAYS, 422, query=ExportParameters)},
    },
    answers=(AuditData, AuditList),
)
