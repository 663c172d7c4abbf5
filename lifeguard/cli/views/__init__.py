"""From the interface's answers to what a terminal shows: pure."""
