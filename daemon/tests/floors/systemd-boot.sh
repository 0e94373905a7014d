#!/bin/sh
# Boots the host's own systemd in the namespaces that it is started in: systemd-boot.sh FOLDER
# The host's files are bound read-only; FOLDER becomes the root, and FOLDER.run is what /run holds at first.
set -eu
root=$1
mount --make-rprivate /
mount --bind / "$root"
mount -o remount,bind,ro "$root"
mount -t tmpfs run "$root/run"
cp -a "$root.run/." "$root/run/"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup "$root/sys/fs/cgroup"
mount -t tmpfs tmp "$root/tmp"
mount -t tmpfs dev "$root/dev"
for device in null zero full random urandom tty; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/run/old"
cd "$root"
pivot_root . run/old
umount -l run/old
exec env -i container=seccinch PATH=/usr/bin:/usr/sbin:/bin:/sbin /lib/systemd/systemd --unit=floor.target
