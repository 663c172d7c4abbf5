"""Makes `twistd lifeguard` known to Twisted."""

from twisted.application.service import ServiceMaker

lifeguard = ServiceMaker(
    "lifeguard",
    "lifeguard.twistd",
    "Keeps a lab's development boards alive.",
    "lifeguard",
)
