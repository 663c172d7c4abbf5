"""What must outlive the process: boards, owed outlets, history, alerts."""

from lifeguard.store.errors import Replaced, StoreError, StoreUnavailable, Superseded
from lifeguard.store.store import SqlStore
from lifeguard.store.threads import Threads, WorkerThreads
from lifeguard.store.writer import Presence

__all__ = [
    "Presence",
    "Replaced",
    "SqlStore",
    "StoreError",
    "StoreUnavailable",
    "Superseded",
    "Threads",
    "WorkerThreads",
]
