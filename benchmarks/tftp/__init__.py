"""How fast lifeguard serves TFTP, beside the least that C needs and its peers."""
