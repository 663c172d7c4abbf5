"""Outlets behind pdudaemon: what it is asked, and what of its answers is believed."""

from __future__ import annotations

from twisted.internet.task import Clock

from lifeguard.power.drivers.pdudaemon import DRIVER, Pdudaemon
from lifeguard.power.web import Web, WebOptions
from tests.fake_web import DEADLINE, BrokenAgent, Page, outcome, web_rig

ASKED = "http://192.0.2.20/power/control"


def rig(answer):
    clock, device, web = web_rig(answer)
    return clock, device, Pdudaemon(web, "pdu-1")


def test_an_outlet_is_a_port_of_the_pdu():
    _, device, pdudaemon = rig(lambda *_: "OK - accepted request\n")
    assert outcome(pdudaemon.switch("3", False, DEADLINE)) == ["done"]
    assert outcome(pdudaemon.switch("3", True, DEADLINE)) == ["done"]
    assert device.seen == [
        "GET /power/control/off?hostname=pdu-1&port=3",
        "GET /power/control/on?hostname=pdu-1&port=3",
    ]


def test_what_it_refuses_is_told():
    _, _, pdudaemon = rig(lambda *_: Page(500, "Invalid request\n"))
    assert outcome(pdudaemon.switch("3", True, DEADLINE)) == [
        f"Refused: the answer to GET {ASKED}/on?hostname=pdu-1&port=3:"
        " 500, Invalid request"
    ]


def test_one_that_tries_for_too_long_is_not_waited_for():
    clock, _, pdudaemon = rig(lambda *_: None)
    assert outcome(pdudaemon.switch("3", True, DEADLINE), clock, 5) == [
        f"NoAnswer: no answer within 5 s: GET {ASKED}/on?hostname=pdu-1&port=3"
    ]


def test_whatever_it_answers_to_the_test_it_is_there():
    _, device, pdudaemon = rig(lambda *_: Page(404, "404: Not Found"))
    assert outcome(pdudaemon.test(DEADLINE)) == ["done"]
    assert device.seen == ["GET /"]


def test_one_that_is_not_there_fails_the_test():
    clock = Clock()
    web = Web(clock, BrokenAgent(None), WebOptions(url="http://192.0.2.20"))
    assert outcome(Pdudaemon(web, "pdu-1").test(5.0), clock, 5) == [
        "NoAnswer: no answer within 5 s: GET http://192.0.2.20/"
    ]


def test_there_is_never_a_connection_to_keep():
    _, _, pdudaemon = rig(lambda *_: "")
    pdudaemon.idle()
    assert pdudaemon.connected is False
    assert pdudaemon.close().called
    assert DRIVER.outlet.parse("3") == "3"
