"""Transfers in virtual time, and a client of theirs across a bad network."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import inf
from typing import Any

from lifeguard.netboot.files import MemoryContent
from lifeguard.netboot.negotiation import Terms
from lifeguard.netboot.packets import NetasciiPackets, OctetPackets, Ready, answer_to
from lifeguard.netboot.transfer import Transfer
from lifeguard.wire.tftp import Ack, Data, Oack, Packet, parse

OACK = (("tsize", "0"),)


def ack(block: int) -> bytes:
    return bytes(Ack(block))


def answers_to(transfer: Transfer, datagram: bytes, now: float) -> list[bytes]:
    """As the pump asks."""
    packet = transfer.on_next_ack(datagram, now)
    return transfer.on_packet(datagram, now) if packet is None else [packet]


def blocks(packets: list[bytes]) -> list[int]:
    return [packet.block for packet in map(parse, packets) if isinstance(packet, Data)]


def rig(data: bytes = b"x" * 5000, **terms: Any) -> Transfer:
    return transfer_of(data, Terms(**terms))


class StretchedPackets(OctetPackets):
    """Packets of which the next few are at hand, as those of a cache are."""

    def at_hand(self, first: int) -> Iterator[Ready]:
        packets = self.take(first, 5 - first % 5)
        return zip(packets, map(answer_to, packets), strict=True)


def transfer_of(data: bytes, terms: Terms) -> Transfer:
    kind = NetasciiPackets if terms.mode == "netascii" else StretchedPackets
    return Transfer(kind(MemoryContent(data), terms.block_size), terms)


def measured(transfer: Transfer, round_trip: float = 0.01) -> Transfer:
    """Past its OACK, with a measured round trip; the first window is sent at 1.0."""
    transfer.start(1.0 - round_trip)
    transfer.on_packet(ack(0), 1.0)
    return transfer


@dataclass
class Client:
    """A client of RFC 7440. `following` is the block it waits for; 0 is an OACK."""

    block_size: int
    window_size: int
    answers_strays: bool
    following: int
    received: list[bytes] = field(default_factory=list)
    since_ack: int = 0
    done: bool = False

    def on_packet(self, packet: Packet) -> list[Ack]:
        if isinstance(packet, Oack) and self.following <= 1:
            self.following = 1
            return [Ack(0)]
        if not isinstance(packet, Data) or self.following == 0:
            return []
        if packet.block != self.following & 0xFFFF:
            return [self.last_ack()] if self.answers_strays else []
        return self.on_block(packet.payload)

    def on_block(self, payload: bytes) -> list[Ack]:
        assert not self.done, "a block after the last"
        self.received.append(payload)
        self.following += 1
        self.since_ack += 1
        self.done = len(payload) < self.block_size
        if self.done or self.since_ack == self.window_size:
            return [self.last_ack()]
        return []

    def on_timer(self) -> list[Ack]:
        """Line 21: a lost ACK is repaired by the client alone."""
        return [] if self.done or self.following == 0 else [self.last_ack()]

    def last_ack(self) -> Ack:
        self.since_ack = 0
        return Ack((self.following - 1) & 0xFFFF)


@dataclass
class Network:
    """Two ends and what is between them; `random` decides what is lost or doubled."""

    transfer: Transfer
    client: Client
    random: random.Random
    loss: float
    copies: float
    underway: list[tuple[float, int, str, bytes]] = field(default_factory=list)
    sent: int = 0
    now: float = 0.0
    lost: set[int] = field(default_factory=set)
    """When the client waits for one of these blocks, the next packet does not come."""
    delays: tuple[float, ...] = (0.0001, 0.001, 0.01, 0.3)
    most: float = inf
    """Packets that are ever sent; two who misunderstand each other do not run dry."""

    def send(self, to: str, packets: list[bytes]) -> None:
        for packet in packets:
            for _ in range(1 + (self.random.random() < self.copies)):
                self.sent += 1
                if self.random.random() >= self.loss:
                    delay = self.random.choice(self.delays)
                    due = (self.now + delay, self.sent, to, packet)
                    heappush(self.underway, due)

    def run(self, until: int | None = None) -> None:
        """To the end, or until the client has so many blocks; then it can go on."""
        if not self.underway:
            heappush(self.underway, (5.0, 0, "timer", b""))
            self.send("client", self.transfer.start(self.now))
        while self.transfer.outcome is None and self.client.following != until:
            assert self.now < 10_000, "it never ends"
            assert self.sent < self.most, "they only say the same again and again"
            if self.underway and self.underway[0][0] <= self.transfer.wakeup:
                self.deliver()
            else:
                self.now = self.transfer.wakeup
                self.send("client", self.transfer.on_timer(self.now))

    def deliver(self) -> None:
        self.now, _, to, packet = heappop(self.underway)
        if to == "timer":
            heappush(self.underway, (self.now + 5.0, 0, "timer", b""))
            self.send("server", [bytes(answer) for answer in self.client.on_timer()])
        elif to == "client" and self.client.following in self.lost:
            self.lost.remove(self.client.following)
        elif to == "client":
            answers = self.client.on_packet(parse(packet))
            self.send("server", [bytes(answer) for answer in answers])
        else:
            self.send("client", answers_to(self.transfer, packet, self.now))
