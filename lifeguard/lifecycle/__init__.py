"""What boards go through: states, the standard lifecycle, its checks. All pure."""

from lifeguard.lifecycle.lifecycle import Kind, Lifecycle
from lifeguard.lifecycle.mistakes import LifecycleError
from lifeguard.lifecycle.state import Boots, State, Wants

__all__ = ["Boots", "Kind", "Lifecycle", "LifecycleError", "State", "Wants"]
