"""A lab in virtual time: the production daemon among simulated seams, checked."""
