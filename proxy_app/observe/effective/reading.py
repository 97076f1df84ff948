"""The settings as they hold in this process. They are read from the environment once, so no unit is needed."""

from auth_app.actor import Actor
from auth_app.policy import require
from gatewaysite.doctor.examination import examine_settings
from gatewaysite.environment import Setting, env
from proxy_app.observe.effective.bodies import Asked, FindingData, SettingData, SettingsData


def settings_for(actor: Actor, asked: Asked) -> SettingsData:
    """Those that fit, in the order of `.env.example`, and what the doctor says of them. Raises Denied."""
    require(actor, "settings.read")
    found = [_data(one) for one in env.effective() if _fits(one, asked)]
    findings: list[FindingData] = [
        {"id": one.id, "level": str(one.level), "seen": one.seen, "cure": one.cure} for one in examine_settings()
    ]
    return {"settings": found, "findings": findings}


def _fits(setting: Setting, asked: Asked) -> bool:
    text = f"{setting.name} {setting.meaning} {setting.group}".lower()
    return (setting.changed or not asked.changed) and all(word in text for word in asked.search.lower().split())


def _data(setting: Setting) -> SettingData:
    return {
        "name": setting.name,
        "group": setting.group,
        "meaning": setting.meaning,
        "value": None if setting.is_secret else setting.value,
        "default": setting.default,
        "allowed": setting.allowed,
        "source": setting.source,
        "is_set": setting.is_set,
        "is_secret": setting.is_secret,
        "changed": setting.changed,
    }
