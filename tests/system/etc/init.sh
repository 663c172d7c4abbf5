#!/bin/busybox sh
# What the board runs: the installer when it was netbooted, which a token or a disk on
# the kernel's command line tells, and else the system that the installer put on disk.

set -u
/bin/busybox mkdir -p /proc /dev /bin /mnt
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t devtmpfs dev /dev
for module in /modules/*; do insmod "$module"; done

# If nothing is said, the addresses that QEMU's user network has for its only guest.
address=10.0.2.15
disk=
token=
for word in $(cat /proc/cmdline); do
    case $word in
        test.address=*) address=${word#*=} ;;
        test.disk=*) disk=${word#*=} ;;
        lifeguard.board=*) board=${word#*=} ;;
        lifeguard.url=*) url=${word#*=} ;;
        lifeguard.token=*) token=${word#*=} ;;
    esac
done

ip link set lo up
ip addr add "$address/24" dev eth0
ip link set eth0 up
ip route add default via "${address%.*}.2"

# 503 and a lost connection are tried again; any other answer that is no success
# is final. busybox's own `wget -T` crashes in Debian 12.
report() {
    until answer=$(timeout 5 wget -q -O - --post-data '{}' \
            --header 'Content-Type: application/json' \
            "$url/$1${token:+?token=$token}" 2>&1); do
        echo "report $1: $answer"
        case $answer in *'HTTP/1.1 4'*) return 1 ;; esac
        sleep 1
    done
    echo "report $1: done"
}

fetch() {
    timeout 60 wget -q -O "$2" "${url%%/api/*}/files/$1"
}

# An image on disk keeps no token: it would speak for a boot that is over.
write_disk() {
    if [ -n "$disk" ]; then
        report install-progress
        fetch "$disk" - | gunzip >/dev/vda && sync
        return
    fi
    mke2fs -F /dev/vda >/dev/null && mount -t ext2 /dev/vda /mnt || return 1
    report install-progress
    mkdir /mnt/extlinux
    fetch arm64/kernel /mnt/kernel && fetch arm64/initrd /mnt/initrd || return 1
    cat >/mnt/extlinux/extlinux.conf <<CONFIGURATION
default debian
label debian
  kernel /kernel
  initrd /initrd
  append console=ttyAMA0 panic=1 lifeguard.board=$board lifeguard.url=$url
CONFIGURATION
    umount /mnt
}

installer() {
    report installer-running || return
    if write_disk; then report install-ok; else report install-failed; fi
}

if [ -n "$token$disk" ]; then
    installer
    reboot -f
fi

mkdir /www
echo "$board" >/www/index.html
httpd -p 80 -h /www
report image-running
while :; do sleep 3600; done
