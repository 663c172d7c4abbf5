"""How fast, how large, how late: figures beside a peer in the same run."""
