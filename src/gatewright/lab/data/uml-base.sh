# Sourced by process 1 of a user-mode-linux kernel that has ESP.
# The root file system is the host's, read-only.  The kernel's command line gives, as variables of
# this shell, `lab`, a directory that is mounted read-write on /media, and `modules`, that of the
# kernel's modules.
# `mount` is a copy: where the host's users have other numbers, its set-user-ID bit would be wrong.
PATH=$lab/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /mnt
grep -q ' /dev ' /proc/mounts || mount -t devtmpfs dev /dev
mount -t hostfs -o "$lab" hostfs /media

# This kernel's modules do not lie where modprobe looks: tell the kernel's own calls of it as well.
mkdir -p /mnt/lib/modules
ln -s "$modules" "/mnt/lib/modules/$(uname -r)"
printf '#!/bin/sh\nexec modprobe -d /mnt "$@"\n' > /mnt/modprobe
chmod 755 /mnt/modprobe
echo /mnt/modprobe > /proc/sys/kernel/modprobe
for module in xfrm_user esp4 esp6 ah4; do
  /mnt/modprobe -q "$module"
done
# The first SA of a cipher waits for the kernel's self-test of it.  In IKEv2 the other gateway waits
# as well, in IKEv1 it cannot: test those ciphers now.
ip xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x1001 mode tunnel \
  enc 'cbc(des)' 0x0123456789abcdef auth-trunc 'hmac(md5)' 0x0123456789abcdef0123456789abcdef 96
ip xfrm state flush

# What is written to files of the host is to be read there at once.
echo 5 > /proc/sys/vm/dirty_writeback_centisecs
echo 5 > /proc/sys/vm/dirty_expire_centisecs

switch_off() {
  echo o > /proc/sysrq-trigger
  sleep 5
}
