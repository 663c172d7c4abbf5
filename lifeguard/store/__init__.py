"""What must outlive the process: boards, owed outlets, history, notices."""

from lifeguard.store.errors import StoreError, StoreUnavailable, Superseded
from lifeguard.store.store import SqlStore
from lifeguard.store.threads import Threads, WorkerThreads

__all__ = [
    "SqlStore",
    "StoreError",
    "StoreUnavailable",
    "Superseded",
    "Threads",
    "WorkerThreads",
]
