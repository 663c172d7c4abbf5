"""Whose fault it is when boards fail: the rules, and the incidents they open."""
