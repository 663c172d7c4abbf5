"""The standard lifecycle: reboot, reimage, self-test and maintenance of a board.

Each class is a state, each name a string in the database. Figures are seconds and
strikes; a lab overrides them in its inventory, or subclasses a state here.
"""

from __future__ import annotations

from lifeguard.lifecycle.lifecycle import Lifecycle
from lifeguard.lifecycle.state import (
    AGAIN,
    BEGIN,
    CONFIG_FETCHED,
    CYCLE_FAILED,
    CYCLE_HELD,
    CYCLE_OK,
    CYCLE_STARTED,
    CYCLE_VOID,
    EXTEND,
    HOLD,
    IMAGE_SET_ASIDE,
    NOTE,
    ONLY_IMAGE_SET_ASIDE,
    POLL_FAILED,
    POWER_OFF,
    POWER_OFF_OK,
    RENEW,
    SELF,
    TIMEOUT,
    Boots,
    State,
    Wants,
    lose_image,
    move,
    strike,
    take_wanted_image,
    want_requested_image,
)


class Managed(State):
    """Accepts every request, whatever else it does."""

    on = {
        "rq-reboot": "RebootRebooting",
        "rq-reimage": move("ReimageRebooting", want_requested_image),
        "rq-self-test": "SelfTestRebooting",
        "rq-maintenance": "MaintenanceRebooting",
        POWER_OFF: "PoweringOff",
    }


class Rebooting(Managed):
    """The board's power is being cycled; failures are the network's or the
    outlet's. A cycle that failed is tried again when the timeout is over; while the
    relay board is ill, no time counts."""

    timeout, attempts = 60, 200
    on = {
        CYCLE_STARTED: BEGIN,
        CYCLE_FAILED: BEGIN,
        CYCLE_HELD: HOLD,
        CYCLE_VOID: AGAIN,
        TIMEOUT: strike(SELF),
    }

    def entry(self, board: Wants) -> None:
        board.cycle_power()


class Failed(Managed):
    """Given up. The evidence is kept, a person is told; requests start anew."""

    steady = True

    def entry(self, board: Wants) -> None:
        board.notify()


class New(Managed):
    """Known, and never touched yet."""

    steady = True


class Ready(Managed):
    """Well, and at the lab's disposal; polled, so that it stays true."""

    timeout, attempts, forget = 300, 10, 86400
    give_up = "FailedFlapping"
    clears = idle = True
    on = {TIMEOUT: RENEW, POLL_FAILED: strike("RebootRebooting")}

    def entry(self, board: Wants) -> None:
        board.poll()


class FailedFlapping(Failed):
    """It kept coming back to Ready and failing again."""


class RebootRebooting(Rebooting):
    """To boot what is on the disk."""

    give_up = "FailedRebootRebooting"
    on = {CYCLE_OK: "RebootComplete"}


class RebootComplete(Managed):
    """Powered on; its image has not reported yet."""

    timeout, attempts, give_up = 600, 10, "FailedRebootComplete"
    on = {"image-running": "Ready", TIMEOUT: strike("RebootRebooting")}


class FailedRebootRebooting(Failed):
    """Its power could not be cycled."""


class FailedRebootComplete(Failed):
    """It has power, but its image never reports."""


class Reimaging(Managed):
    """On its way to the wanted image, until that is set aside under it."""

    on = {IMAGE_SET_ASIDE: "RebootRebooting", ONLY_IMAGE_SET_ASIDE: "NoImage"}


class NoImage(Managed):
    """Its image was set aside under it and none is known to be on its disk: it waits
    for the request of another one. The board has failed nothing."""

    steady = True


class ReimageRebooting(Reimaging, Rebooting):
    """To boot the installer of the wanted image."""

    boots = Boots.WANTED
    give_up = "FailedReimageRebooting"
    on = {CYCLE_OK: "ReimageBooting"}


class ReimageBooting(Reimaging):
    """Powered on; the installer has not reported yet."""

    timeout, attempts, give_up = 180, 30, "FailedReimageBooting"
    boots = Boots.WANTED
    on = {
        "installer-running": move("ReimageInstalling", lose_image),
        TIMEOUT: strike("ReimageRebooting"),
    }


class ReimageInstalling(Reimaging):
    """The installer writes the disk. An installer that reports again, after the
    boot config was fetched again, has crashed and booted a second time."""

    timeout, attempts, give_up = 900, 3, "FailedReimageInstalling"
    total = 3600
    boots = Boots.WANTED
    on = {
        "install-progress": EXTEND,
        "install-ok": "ReimageComplete",
        "install-failed": strike("ReimageRebooting"),
        CONFIG_FETCHED: NOTE,
        "installer-running": strike(SELF, after=CONFIG_FETCHED),
        TIMEOUT: strike("ReimageRebooting"),
    }


class ReimageComplete(Reimaging):
    """Installed; the new image boots from the disk and has not reported yet."""

    timeout, attempts, give_up = 600, 10, "FailedReimageComplete"
    on = {
        "image-running": move("Ready", take_wanted_image),
        TIMEOUT: strike("ReimageRebooting"),
    }


class FailedReimageRebooting(Failed):
    """Its power could not be cycled for a reimage."""


class FailedReimageBooting(Failed):
    """The installer never reported."""


class FailedReimageInstalling(Failed):
    """The installer never came to its end."""


class FailedReimageComplete(Failed):
    """It was installed, but the new image never reports."""


class SelfTestRebooting(Rebooting):
    """To boot the self-test image."""

    boots = Boots.SELF_TEST
    give_up = "FailedSelfTestRebooting"
    on = {CYCLE_OK: "SelfTestBooting"}


class SelfTestBooting(Managed):
    """Powered on; the self-test image has not reported yet."""

    timeout, attempts, give_up = 180, 30, "FailedSelfTestBooting"
    boots = Boots.SELF_TEST
    on = {"self-test-running": "SelfTestRunning", TIMEOUT: strike("SelfTestRebooting")}


class SelfTestRunning(Managed):
    """The board examines itself."""

    timeout, attempts, give_up = 3600, 1, "FailedSelfTestRunning"
    on = {
        "self-test-ok": "RebootRebooting",
        "self-test-failed": "FailedSelfTest",
        TIMEOUT: strike("SelfTestRebooting"),
    }


class FailedSelfTest(Failed):
    """The board found itself faulty."""


class FailedSelfTestRebooting(Failed):
    """Its power could not be cycled for a self-test."""


class FailedSelfTestBooting(Failed):
    """The self-test image never reported."""


class FailedSelfTestRunning(Failed):
    """The self-test never came to its end."""


class MaintenanceRebooting(Rebooting):
    """To boot the maintenance image."""

    boots = Boots.MAINTENANCE
    give_up = "FailedMaintenanceRebooting"
    on = {CYCLE_OK: "MaintenanceBooting"}


class MaintenanceBooting(Managed):
    """Powered on; the maintenance image has not reported yet."""

    timeout, attempts, give_up = 180, 30, "FailedMaintenanceBooting"
    boots = Boots.MAINTENANCE
    on = {
        "maintenance-running": "Maintenance",
        TIMEOUT: strike("MaintenanceRebooting"),
    }


class Maintenance(Managed):
    """A person works on it; a reboot by hand boots the same image again."""

    steady = True
    boots = Boots.MAINTENANCE


class FailedMaintenanceRebooting(Failed):
    """Its power could not be cycled for maintenance."""


class FailedMaintenanceBooting(Failed):
    """The maintenance image never reported."""


class PoweringOff(Rebooting):
    """To be off until somebody wants it. Its turn comes at once; all that may go wrong
    is what may go wrong with a power cycle, which is how it is told."""

    give_up = "FailedPoweringOff"
    on = {POWER_OFF_OK: "Off", "rq-power-on": "RebootRebooting"}

    def entry(self, board: Wants) -> None:
        board.power_off()


class Off(Managed):
    """Without power, and kept so. Every request cycles power, which brings it back."""

    steady = True
    on = {"rq-power-on": "RebootRebooting"}

    def entry(self, board: Wants) -> None:
        board.keep_off()


class FailedPoweringOff(Failed):
    """Its power could not be switched off, so all of it is on again."""


class Troubleshooting(Managed):
    """A person looks into it; left alone until a request."""

    steady, by_hand = True, True


class LockedOut(State):
    """Managed by something else. Only a conditional change leads out."""

    steady, by_hand = True, True
    boots = Boots.NOTHING


LIFECYCLE = Lifecycle(
    New,
    Ready,
    FailedFlapping,
    RebootRebooting,
    RebootComplete,
    FailedRebootRebooting,
    FailedRebootComplete,
    ReimageRebooting,
    ReimageBooting,
    ReimageInstalling,
    ReimageComplete,
    NoImage,
    FailedReimageRebooting,
    FailedReimageBooting,
    FailedReimageInstalling,
    FailedReimageComplete,
    SelfTestRebooting,
    SelfTestBooting,
    SelfTestRunning,
    FailedSelfTest,
    FailedSelfTestRebooting,
    FailedSelfTestBooting,
    FailedSelfTestRunning,
    MaintenanceRebooting,
    MaintenanceBooting,
    Maintenance,
    FailedMaintenanceRebooting,
    FailedMaintenanceBooting,
    PoweringOff,
    Off,
    FailedPoweringOff,
    Troubleshooting,
    LockedOut,
)
