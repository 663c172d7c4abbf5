"""A real board in a test: QEMU with Debian's U-Boot, kernel and busybox.

`pytest -m system tests/system`, as root, with Debian's packages `qemu-system-arm` and
`u-boot-qemu`. The kernel and busybox for arm64 are fetched by apt at the first run. A
run takes half a minute; the board has one core and 256 MiB.
"""
