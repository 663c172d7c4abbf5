"""What twistd imports of lifeguard: all that a start makes, and no look for garbage.

It is there to stay: Python would go through it again and again, for a tenth of what the
imports take and half of what ten thousand boards do. The daemon ends the pause.
"""

from __future__ import annotations

from lifeguard import garbage

garbage.pause()

from lifeguard.tap import Options, makeService  # noqa: E402

__all__ = ["Options", "makeService"]
