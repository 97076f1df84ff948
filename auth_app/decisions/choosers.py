"""What narrows lists of decisions and of what happened: a kind of things, a permission."""

from auth_app.permissions import catalogue, kind_words
from gatewaysite.controls import Field, choices, control


def kind_chooser(key: str, chosen: str) -> Field:
    pairs = [(kind, kind_words(kind)) for kind in catalogue.by_kind()]
    return control(key, "Kind", {key: chosen}, "select", choices=choices(pairs), unset="Any kind")


def permission_chooser(key: str, chosen: str) -> Field:
    pairs = [(name, name) for names in catalogue.by_kind().values() for name in names]
    return control(key, "Permission", {key: chosen}, "select", choices=choices(pairs), unset="Any permission")
