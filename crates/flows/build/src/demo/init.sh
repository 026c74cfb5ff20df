#!/bin/busybox sh
# The demo guest: says what only it can say, then waits to be shut down.
/bin/busybox mkdir -p /proc /sys /dev
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox --install -s /bin
export PATH=/bin
for module in /modules/*.ko; do insmod "$module" 2>/dev/null; done
for card in /sys/class/net/eth*; do [ -e "$card" ] && ip link set "${card##*/}" up; done
nonce=none
for word in $(cat /proc/cmdline); do
	case $word in nonce=*) nonce=${word#nonce=} ;; esac
done
echo
echo "corbel-demo: hello from inside the guest, nonce=$(echo "$nonce" | rev)"
echo "corbel-demo: $(grep -m1 'model name' /proc/cpuinfo | cut -d: -f2 | sed 's/^ //'), hypervisor flag $(grep -qm1 hypervisor /proc/cpuinfo && echo yes || echo no), kernel $(uname -r)"
# acpid ends at once without a place for its log and its process id.
mkdir -p /etc/acpi/PWRF /var/log /var/run
printf '#!/bin/sh\necho "corbel-demo: shutting down"\npoweroff -f\n' > /etc/acpi/PWRF/00000080
chmod 755 /etc/acpi/PWRF/00000080
acpid
echo "corbel-demo: ready; shut me down by ACPI or type 'poweroff'"
while :; do setsid cttyhack sh; done
