#!/bin/bash
# An admin's first hour with lifeguard, from a checkout to an upgrade in place.
#
#     tests/system/first_hour.sh CHECKOUT DIRECTORY
#
# The rack is simulated; all the rest is what one would type. It ends, with an error,
# at the first thing that is not as it should be.
set -euo pipefail
checkout=$(realpath "$1")
cd "$2"

step() { printf '\n== %s\n' "$*"; }

# Shows what a command says, which must contain these words; how it ends is no matter.
says() {
    local words=$1
    shift
    "$@" >said 2>&1 || true
    cat said
    grep -q -e "$words" said || { echo "said nothing of: $words"; exit 1; }
}

# Asks ten times a second, for a minute at most.
wait_until() {
    for _ in $(seq 600); do
        if "$@" 2>/dev/null; then return; fi
        sleep 0.1
    done
    echo "in vain: $*"
    exit 1
}

start() {
    twistd --pidfile=lab/twistd.pid --logfile=lab/log \
        lifeguard --config lab/lifeguard.toml
    wait_until curl -sf -o ready "$LIFEGUARD_URL/readyz"
}

stop() {
    local pid
    pid=$(cat lab/twistd.pid)
    kill "$pid"
    wait_until has_ended "$pid"
}

has_ended() { ! kill -0 "$1"; }

# Has it all go on in the same way: state and generation of each board.
standing() {
    lifeguard status --json |
        python -c 'import json, sys
for board in json.load(sys.stdin)["boards"]:
    print(board["name"], board["state"], board["generation"])'
}

clean_up() {
    for file in lab/twistd.pid rack.pid; do # neither ends with a newline for sure
        if [ -s "$file" ]; then kill "$(cat "$file")" 2>/dev/null || true; fi
    done
}
trap clean_up EXIT

step "Install"
python3 -m venv venv
venv/bin/pip install --quiet "$checkout"
PATH=$PWD/venv/bin:$PATH

step "The rack: two relay boards, on each of which two boards hang"
mkfifo rack.in
python -m lifeguard.simulator rack --boards 4 --outlets 2 \
    --http-port 0 --tftp-port 0 <rack.in >rack.log 2>&1 &
echo $! >rack.pid
exec 9>rack.in # the simulator ends with this script
wait_until grep -q "^simulator: " rack.log
value() { sed -n "s/^$1 = \"\{0,1\}\([^\"]*\)\"\{0,1\}\$/\1/p" "$2"; }
http=$(value url rack/lifeguard.toml)
tftp=$(value port rack/lifeguard.toml)
rack1=$(value address rack/boards.toml | sed -n 1p)
rack2=$(value address rack/boards.toml | sed -n 2p)
ssh=$(sed -n 's/^health = \["tcp:\([0-9]*\)"\]$/\1/p' rack/boards.toml)
export LIFEGUARD_URL=$http

step "Write the configuration"
mkdir lab
cp -r rack/tftp lab/
cat >lab/lifeguard.toml <<EOF
[server]
name = "first-lab"
url = "$http"
[http]
listen = "tcp:${http##*:}:interface=127.0.0.1"
[tftp]
address = "127.0.0.1"
port = $tftp
root = "tftp"
EOF
cat >lab/debian.cfg.j2 <<'EOF'
default lifeguard
label lifeguard
  kernel debian/kernel
  initrd debian/initrd
  append console=ttyS0 {{ cmdline }}
EOF
cat >lab/boards.toml <<EOF
[relay_boards.rack1]
driver = "proxr"
address = "$rack1"
off_seconds = 0.2
[relay_boards.rack2]
driver = "proxr"
address = "$rack2"
off_seconds = 0.2

[hardware.sbc]
health = ["tcp:$ssh"]
[hardware.sbc.states]
ReimageBooting = { timeout = 3, attempts = 1 } # they boot in a second
RebootComplete = { timeout = 5, attempts = 1 }

[images.debian.boot.sbc]
loader = "pxelinux"
template = "debian.cfg.j2"

[boards.sim-01]
mac = "02:00:00:00:00:01"
address = "127.1.0.1"
hardware = "sbc"
power = "rack1/1/1"
[boards.sim-02]
mac = "02:00:00:00:00:02"
address = "127.1.0.2"
hardware = "sbc"
power = "rack1/1/1"
EOF

step "Check it: an outlet stands there twice"
says "boards.sim-02.power: .*sim-01" lifeguard check lab/lifeguard.toml
sed -i '/sim-02/,$s|rack1/1/1|rack1/1/2|' lab/boards.toml
lifeguard check lab/lifeguard.toml

step "Start"
start
says "rack2 .*Working" lifeguard relay-boards
lifeguard reimage sim-01 sim-02 --image debian --wait

step "Add two boards"
cat >>lab/boards.toml <<EOF
[boards.sim-03]
mac = "02:00:00:00:00:03"
address = "127.1.0.3"
hardware = "sbc"
power = "rack2/1/1"
[boards.sim-04]
mac = "02:00:00:00:00:04"
address = "127.1.0.4"
hardware = "sbc"
power = "rack2/1/7"
EOF
says "sim-03" lifeguard inventory plan
lifeguard inventory apply
standing

step "Reimage them: one comes up, the other does not"
says "sim-03: Ready" lifeguard reimage sim-03 --image debian --wait
says "sim-04: FailedReimageBooting" lifeguard reimage sim-04 --image debian --wait

step "Why?"
says "it fetched nothing from lifeguard" lifeguard show sim-04
says "rack2/1/7" lifeguard show sim-04

step "Its plug is in the second outlet, not in the seventh"
sed -i 's|rack2/1/7|rack2/1/2|' lab/boards.toml
says "rack2/1/2" lifeguard inventory plan
lifeguard inventory apply
says "sim-04: Ready" lifeguard reimage sim-04 --image debian --wait

step "Upgrade in place: no board notices"
wait_until test "$(standing | grep -c " Ready ")" = 4
standing >before
cp rack/relays.log relays.before
cp -r "$checkout" newer
sed -i 's/version="[0-9.]*"/version="999"/' newer/setup.py
pip install --quiet --no-deps ./newer
stop
start
says "^Version: 999$" pip show lifeguard
standing >after
diff before after
cmp relays.before rack/relays.log
says "4 well" lifeguard status
step "That was the first hour"
