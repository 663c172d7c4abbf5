"""Real boards in a test: QEMU with Debian's firmware, boot loaders, kernel and busybox.

`pytest -m system tests/system`, as root, with the packages of Debian that `.ci/run`
names; a missing one is said in a line. Kernel and busybox are fetched by apt at the
first run. Each run takes half a minute to a minute; a board has one core, 256 to 384
MiB. A board with UEFI gets a tap device of its own, which takes CAP_NET_ADMIN.
"""
