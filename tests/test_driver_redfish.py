"""A server's power by Redfish: what a management controller says and what it does."""

from __future__ import annotations

import json

import pytest
from treq.testing import RequestTraversalAgent
from twisted.internet.task import Clock

from lifeguard.power.drivers.redfish import DRIVER, Redfish
from lifeguard.power.web import Web, WebOptions
from tests.fake_web import DEADLINE, FakeDevice, Page, outcome

URL = "https://192.0.2.20"
SYSTEM = "/redfish/v1/Systems/1"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"


class Controller:
    """Says yes to a reset; its system passes through the states that follow."""

    def __init__(self, state, *then):
        self.state, self.then = state, list(then)
        self.resetting = False

    def answer(self, method, path):
        if (method, path) == ("POST", RESET):
            self.resetting = True
            return Page(204, "")
        if path == SYSTEM:
            if self.resetting and self.then:
                self.state = self.then.pop(0)
            target = {"target": RESET}
            page = {"PowerState": self.state, "Id": "1"}
            return json.dumps({**page, "Actions": {"#ComputerSystem.Reset": target}})
        return '{"Members": []}'


def rig(answer):
    clock = Clock()
    clock.advance(100)
    device = FakeDevice(answer)
    options = WebOptions(url=URL, user="root", password="calvin")
    web = Web(clock, RequestTraversalAgent(device), options)
    return clock, device, Redfish(clock, web)


@pytest.mark.parametrize(
    ("on", "reset", "states"),
    [
        (True, "On", ["Off", "Off", "PoweringOn", "On"]),
        (False, "ForceOff", ["On", "On", "PoweringOff", "Off"]),
        (True, "On", ["PoweringOff", "Off", "PoweringOn", "On"]),
    ],
)
def test_a_system_is_reset_where_its_page_says_and_read_until_it_is_so(
    on, reset, states
):
    clock, device, redfish = rig(Controller(*states).answer)
    assert outcome(redfish.switch("1", on, DEADLINE), clock, 2) == ["done"]
    reads = [f"GET {SYSTEM}"] * 3
    assert device.seen == [f"GET {SYSTEM}", f"POST {RESET}", *reads]
    assert [each for each in device.bodies if each] == [
        json.dumps({"ResetType": reset}).encode()
    ]


@pytest.mark.parametrize(
    ("state", "has_power"),
    [("On", True), ("Off", False), ("PoweringOff", True), ("PoweringOn", True)],
)
def test_a_system_is_read_and_what_is_not_off_has_power(state, has_power):
    _, device, redfish = rig(Controller(state).answer)
    assert outcome(redfish.read("1", DEADLINE)) == [str(has_power)]
    assert device.seen == [f"GET {SYSTEM}"]


def test_a_system_that_is_as_wanted_is_left_alone():
    clock, device, redfish = rig(Controller("On").answer)
    assert outcome(redfish.switch("1", True, DEADLINE), clock, 1) == ["done"]
    assert device.seen == [f"GET {SYSTEM}"] * 2


@pytest.mark.parametrize("states", [("On",), ("On", "On", "PoweringOff"), ("Paused",)])
def test_a_system_that_stays_as_it_was_is_found_out(states):
    clock, _, redfish = rig(Controller(*states).answer)
    assert outcome(redfish.switch("1", False, DEADLINE), clock, 5) == [
        "NotSwitched: switched off, but not read back so"
    ]


def test_a_controller_that_refuses_is_quoted():
    def answer(method, path):
        if method == "POST":
            return Page(409, '{"error": {"message": "Power is locked"}}')
        return Controller("On").answer(method, path)

    _, _, redfish = rig(answer)
    assert outcome(redfish.switch("1", False, DEADLINE)) == [
        f"Refused: the answer to POST {URL}{RESET}: 409,"
        ' {"error": {"message": "Power is locked"}}'
    ]


@pytest.mark.parametrize(
    ("page", "error"),
    [
        ("<html>", "no JSON in"),
        ("[]", "no PowerState of a system in"),
        ("{}", "no PowerState of a system in"),
        ('{"PowerState": "Perhaps"}', "no PowerState of a system in"),
        ('{"PowerState": ["On"]}', "no PowerState of a system in"),
        ('{"PowerState": "Off"}', "no reset of a system in"),
        ('{"PowerState": "Off", "Actions": []}', "no reset of a system in"),
        (
            '{"PowerState": "Off", "Actions":'
            ' {"#ComputerSystem.Reset": {"target": "http://elsewhere/"}}}',
            "no reset of a system in",
        ),
    ],
)
def test_a_page_that_is_none_of_a_system_is_shown(page, error):
    _, device, redfish = rig(lambda *_: page)
    (heard,) = outcome(redfish.switch("1", True, DEADLINE))
    assert heard.startswith(f"BadAnswer: {error} the answer to GET {URL}{SYSTEM}: 200")
    assert device.seen == [f"GET {SYSTEM}"]


def test_a_controller_that_is_silent_costs_no_more_than_the_deadline():
    clock, _, redfish = rig(lambda *_: None)
    assert outcome(redfish.switch("1", True, DEADLINE), clock, 5) == [
        f"NoAnswer: no answer within 5 s: GET {URL}{SYSTEM}"
    ]


def test_the_test_asks_for_what_needs_a_password():
    _, device, redfish = rig(Controller("On").answer)
    assert outcome(redfish.test(DEADLINE)) == ["done"]
    assert device.seen == ["GET /redfish/v1/Systems"]
    assert b"Authorization" in device.headers[0]


def test_an_outlet_is_the_id_of_a_system():
    for name in ("1", "System.Embedded.1", "27946b59-9e44-4fa7-8e91-f3527a1ef094"):
        assert DRIVER.outlet.parse(name) == name
