"""The shell that people with a key have inside the daemon, by SSH."""

from lifeguard.manhole.host_keys import HostKeyError
from lifeguard.manhole.server import manhole_factory

__all__ = ["HostKeyError", "manhole_factory"]
