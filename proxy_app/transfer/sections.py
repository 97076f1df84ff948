"""Every part of a document. What refers to others stands behind them; what is deleted goes the other way."""

from auth_app.transfer.section import Section
from auth_app.transfer.sections import SECTIONS as ACCESS
from proxy_app.transfer.kinds import SECTIONS as REGISTRY
from proxy_app.transfer.roots import ROOTS

SECTIONS: tuple[Section, ...] = (*ACCESS, *REGISTRY, ROOTS)
BY_NAME = {section.name: section for section in SECTIONS}
