"""The endpoint of the settings in the OpenAPI document."""

from gatewaysite.openapi import ALWAYS, Room, operation, ref
from proxy_app.observe.effective.bodies import Asked, FindingData, SettingData, SettingsData

SETTINGS = Room(
    paths={
        "/ops/settings": {
            "get": operation(
                "The settings as they hold, for administrators",
                {200: ("As in .env.example, without secrets.", ref("SettingsData"))},
                *ALWAYS,
                422,
                tag="operations",
                query=Asked,
            )
        }
    },
    answers=(SettingsData, SettingData, FindingData),
)
