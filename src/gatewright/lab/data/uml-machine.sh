#!/bin/sh
# Process 1 of a user-mode-linux kernel that does what its agent is told (guest_agent.py).
# `lab` holds the agent and the start's `ip -batch` lines; `world`, a directory of the host, is
# mounted read-write where the host has it; `python` is the interpreter for the agent.
. "$lab/base.sh"
mount -t hostfs -o "$world" hostfs "$world"
mkdir -p /run/lab /run/tmp /dev/net
TMPDIR=/run/tmp
export TMPDIR
for module in tun veth af_packet; do
  /mnt/modprobe -q "$module"
done
[ -c /dev/net/tun ] || mknod /dev/net/tun c 10 200

# The interface to the agent has a network of its own: the machine's is that of a gateway.
ip netns add control
ip link set vec0 netns control
nsenter --net=/run/netns/control ip -batch /media/control
ip -batch /media/links
nsenter --net=/run/netns/control "$python" -I -S -B /media/guest_agent.py 0.0.0.0 4503 /media/ready
echo "the agent ended with status $?"
switch_off
