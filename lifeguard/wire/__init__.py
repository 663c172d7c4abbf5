"""Bytes of the protocols and nothing else: no sockets, no clock."""
