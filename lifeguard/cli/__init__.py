"""`lifeguard`: the lab from a terminal, a client of the daemon's HTTP interface.

The daemon never imports it. What is shown are the interface's own words; `--json`
gives them as they came.
"""
