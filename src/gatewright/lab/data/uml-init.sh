#!/bin/sh
# Process 1 of a user-mode-linux kernel that is a gateway with ESP in the kernel.
# The root file system is the host's, read-only; `lab=DIRECTORY` on the kernel's command line is
# mounted read-write on /media and holds the addresses (ip -batch) and charon's configuration.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /mnt
grep -q ' /dev ' /proc/mounts || mount -t devtmpfs dev /dev
for word in $(cat /proc/cmdline); do
  case $word in
    lab=*) lab=${word#*=} ;;
    modules=*) modules=${word#*=} ;;
  esac
done
mount -t hostfs -o "$lab" hostfs /media

# This kernel's modules do not lie where modprobe looks: tell the kernel's own calls of it as well.
mkdir -p /mnt/lib/modules
ln -s "$modules" "/mnt/lib/modules/$(uname -r)"
printf '#!/bin/sh\nexec modprobe -d /mnt "$@"\n' > /mnt/modprobe
chmod 755 /mnt/modprobe
echo /mnt/modprobe > /proc/sys/kernel/modprobe
# Ciphers are loaded now, not in the middle of a negotiation, where it takes up to a second.
for module in xfrm_user esp4 esp6 ah4 cbc ctr gcm ccm des_generic chacha20poly1305 hmac authenc \
  echainiv seqiv sha512_generic xcbc cmac; do
  /mnt/modprobe -q "$module"
done

# charon's log is to be read from outside at once.
echo 5 > /proc/sys/vm/dirty_writeback_centisecs
echo 5 > /proc/sys/vm/dirty_expire_centisecs

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
echo o > /proc/sysrq-trigger
sleep 5
