"""A lab on loopback: relay boards and boards that speak the real protocols.

Each board has a loopback address of its own, and a seed decides what goes wrong.
It is a process of its own, so that boards live on when the daemon dies.
"""
