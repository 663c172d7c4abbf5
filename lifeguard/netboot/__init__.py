"""What a board boots over the network, and how the files reach it."""
