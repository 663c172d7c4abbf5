"""A new inventory in place of the old one, while the lab runs."""
