"""The endpoint of second factors in the OpenAPI document."""

from gatewaysite.openapi import Room, operation

SECOND_FACTOR = Room(
    paths={
        "/auth/email/admin/users/{email}/second-factor": {
            "delete": operation(
                "Take away somebody's second factors, who has lost them",
                {204: ("They have none any more.", None)},
                401, 403, 404, 503,
                tag="people",
                keys={"email": "The person's address, or id."},
            )
        }
    }
)  # fmt: skip
