#!/bin/sh
# Process 1 of a user-mode-linux kernel that is a gateway: strongSwan, and ESP in the kernel.
# `lab` holds the addresses (ip -batch) and charon's configuration.
. "$lab/base.sh"
echo 1 > /proc/sys/net/ipv4/ip_forward
echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
for each in all default vec0; do
  echo 0 > /proc/sys/net/ipv6/conf/$each/accept_dad
done
ip -batch /media/addresses
STRONGSWAN_CONF=/media/strongswan.conf
export STRONGSWAN_CONF
/usr/lib/ipsec/charon
echo "charon ended with status $?"
switch_off
