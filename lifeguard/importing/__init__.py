"""What others know of a lab, as the first draft of an inventory."""
