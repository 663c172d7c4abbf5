"""Does a board answer? Checks, the polls that make them, and when to doubt a poll."""
