"""The lab over HTTP: JSON routes, a stream of changes, boot artifacts."""

from lifeguard.web.app import site
from lifeguard.web.operator_callers import Access
from lifeguard.web.world import World

__all__ = ["Access", "World", "site"]
