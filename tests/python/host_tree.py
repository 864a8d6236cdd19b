"""A tree of files as procfs and sysfs show a machine, to be read instead of this one's."""

from __future__ import annotations

from pathlib import Path

STAT = """cpu  1000 20 300 5000 40 5 6 7 0 0
cpu0 500 10 150 2500 20 2 3 3 0 0
intr 394176 0 0 1
ctxt 424092
btime 1700000000
processes 3210
procs_running 3
procs_blocked 1
softirq 1 2 3
"""
MEMINFO = """MemTotal:       16384000 kB
MemFree:         8192000 kB
MemAvailable:   12288000 kB
Buffers:          100000 kB
Cached:          2048000 kB
SwapTotal:       1024000 kB
SwapFree:        1000000 kB
Dirty:               400 kB
Shmem:              5000 kB
HugePages_Total:       0
"""
VMSTAT = """nr_free_pages 2048000
pswpin 10
pswpout 20
pgfault 5000
pgmajfault 50
allocstall_normal 3
oom_kill 1
"""
DISKSTATS = """   7       0 loop0 5 0 10 1 0 0 0 0 0 1 1
 259       0 nvme0n1 1000 10 80000 500 2000 20 160000 900 0 700 1400 5 0 40 1 3 2
 259       1 nvme0n1p1 900 10 70000 400 1900 20 150000 800 0 600 1300
   8       0 sda 10 1 800 5 20 2 1600 9 0 7 14
"""
NETDEV = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    3193      29    0    0    0     0          0         0     3193      29    0    0    0     0       0          0
  eth0:1000000   10000    1    2    0     0          0         0   500000    5000    3    4    0     0       0          0
veth12: 7 7 7 7 0 0 0 0 7 7 7 7 0 0 0 0
"""  # noqa: E501
PRESSURE = (
    "some avg10=0.00 avg60=0.00 avg300=0.00 total={some}\n"
    "full avg10=0.00 avg60=0.00 avg300=0.00 total={full}\n"
)

# The 22 of the ABI, and eight of mlx5's hw_counters.
IB_COUNTERS = {
    "VL15_dropped": 0,
    "excessive_buffer_overrun_errors": 0,
    "link_downed": 1,
    "link_error_recovery": 2,
    "local_link_integrity_errors": 0,
    "multicast_rcv_packets": 11,
    "multicast_xmit_packets": 12,
    "port_rcv_constraint_errors": 0,
    "port_rcv_data": 250_000,
    "port_rcv_errors": 3,
    "port_rcv_packets": 1000,
    "port_rcv_remote_physical_errors": 0,
    "port_rcv_switch_relay_errors": 0,
    "port_xmit_constraint_errors": 0,
    "port_xmit_data": 500_000,
    "port_xmit_discards": 4,
    "port_xmit_packets": 2000,
    "port_xmit_wait": 70,
    "symbol_error": 5,
    "unicast_rcv_packets": 989,
    "unicast_xmit_packets": 1988,
}
IB_HW_COUNTERS = {
    "duplicate_request": 0,
    "local_ack_timeout_err": 1,
    "np_cnp_sent": 6,
    "np_ecn_marked_roce_packets": 7,
    "out_of_sequence": 8,
    "packet_seq_err": 2,
    "rnr_nak_retry_err": 0,
    "roce_adp_retrans": 0,
    "rp_cnp_handled": 9,
}
PORT_COUNTERS = len(IB_COUNTERS) + len(IB_HW_COUNTERS)


class HostTree:
    """Files below a root; every part may be added, changed or taken away alone."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(exist_ok=True)

    def __str__(self) -> str:
        return str(self.root)

    def path(self, below: str) -> Path:
        return self.root / below.lstrip("/")

    def write(self, below: str, text: str | int | bytes) -> None:
        """Write in place, as the kernel does: a file that is open shows it."""
        path = self.path(below)
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, bytes):
            path.write_bytes(text)
        else:
            path.write_text(f"{text}\n" if isinstance(text, int) else text)

    def add_proc(self) -> None:
        self.write("/proc/stat", STAT)
        self.write("/proc/meminfo", MEMINFO)
        self.write("/proc/vmstat", VMSTAT)
        self.write("/proc/diskstats", DISKSTATS)
        self.write("/proc/net/dev", NETDEV)
        for name in ("nvme0n1", "sda", "loop0"):
            self.path(f"/sys/block/{name}").mkdir(parents=True, exist_ok=True)
        net = "/sys/class/net/eth0"
        self.path(f"{net}/device").mkdir(parents=True, exist_ok=True)
        self.write(f"{net}/carrier", 1)
        self.write(f"{net}/speed", 25_000)
        self.write(f"{net}/carrier_down_count", 2)
        self.add_pressure(0, 0)
        self.write("/sys/inlay-adjtimex", "1500 200 0\n")

    def add_pressure(self, some: int, full: int) -> None:
        for resource in ("cpu", "memory", "io"):
            self.write(f"/proc/pressure/{resource}", PRESSURE.format(some=some, full=full))

    def add_cgroup_v2(self, path: str = "/jobs/7", *, throttled: int = 1_000_000) -> None:
        self.write("/proc/self/cgroup", f"0::{path}\n")
        self.write(
            "/proc/self/mountinfo",
            "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n",
        )
        base = f"/sys/fs/cgroup{path}"
        self.write(
            f"{base}/cpu.stat",
            f"usage_usec 9000000\nuser_usec 6000000\nsystem_usec 3000000\nnr_periods 100\n"
            f"nr_throttled 10\nthrottled_usec {throttled}\n",
        )
        self.write(f"{base}/cpu.max", "250000 100000\n")
        self.write(f"{base}/memory.current", 1_000_000)
        self.write(f"{base}/memory.max", "max\n")
        self.write(f"{base}/memory.stat", "anon 600000\nfile 400000\npgmajfault 5\n")
        self.write(f"{base}/memory.events", "low 0\nhigh 1\nmax 2\noom 0\noom_kill 0\n")
        self.write(
            f"{base}/io.stat",
            "259:0 rbytes=100 wbytes=200 rios=3 wios=4 dbytes=0 dios=0\n"
            "8:0 rbytes=1 wbytes=2 rios=3 wios=4\n",
        )
        for resource in ("cpu", "memory", "io"):
            self.write(f"{base}/{resource}.pressure", PRESSURE.format(some=10, full=5))

    def add_cgroup_v1(self) -> None:
        self.write(
            "/proc/self/cgroup",
            "9:name=systemd:/\n4:memory:/jobs/7\n2:cpu,cpuacct:/jobs/7\n0::/\n",
        )
        mounts = "/sys/fs/cgroup"
        self.write(
            "/proc/self/mountinfo",
            f"31 30 0:27 / {mounts}/memory rw shared:10 - cgroup cgroup rw,memory\n"
            f"32 30 0:28 / {mounts}/cpu,cpuacct rw shared:11 - cgroup cgroup rw,cpu,cpuacct\n"
            f"33 30 0:29 / {mounts}/unified rw shared:12 - cgroup2 cgroup2 rw\n",
        )
        cpu, memory = f"{mounts}/cpu,cpuacct/jobs/7", f"{mounts}/memory/jobs/7"
        self.write(f"{cpu}/cpuacct.usage", 5_000_000_000)
        self.write(
            f"{cpu}/cpu.stat", "nr_periods 100\nnr_throttled 10\nthrottled_time 3000000000\n"
        )
        self.write(f"{cpu}/cpu.cfs_quota_us", 150_000)
        self.write(f"{cpu}/cpu.cfs_period_us", 100_000)
        self.write(f"{memory}/memory.usage_in_bytes", 2_000_000)
        self.write(f"{memory}/memory.limit_in_bytes", 4_000_000)
        self.write(f"{memory}/memory.stat", "cache 500000\nrss 1500000\npgmajfault 9\n")

    def add_numa(self, nodes: int = 2) -> None:
        for node in range(nodes):
            base = f"/sys/devices/system/node/node{node}"
            self.write(
                f"{base}/meminfo",
                f"Node {node} MemTotal:       1000 kB\nNode {node} MemFree:         400 kB\n"
                f"Node {node} MemUsed:         600 kB\n",
            )
            self.write(
                f"{base}/numastat",
                "numa_hit 10\nnuma_miss 1\nnuma_foreign 2\ninterleave_hit 3\nlocal_node 9\n"
                "other_node 1\n",
            )

    def port(self, device: str, port: int = 1) -> str:
        return f"/sys/class/infiniband/{device}/ports/{port}"

    def add_infiniband(self, ports: int = 8) -> None:
        for number in range(ports):
            base = self.port(f"mlx5_{number}")
            self.write(f"{base}/state", "4: ACTIVE\n")
            self.write(f"{base}/phys_state", "5: LinkUp\n")
            self.write(f"{base}/rate", "400 Gb/sec (4X NDR)\n")
            self.write(f"{base}/hw_counters/lifespan", 10)
            for name, value in IB_COUNTERS.items():
                self.write(f"{base}/counters/{name}", value)
            for name, value in IB_HW_COUNTERS.items():
                self.write(f"{base}/hw_counters/{name}", value)

    def add_sensors(self) -> None:
        chip = "/sys/class/hwmon/hwmon0"
        self.write(f"{chip}/name", "coretemp\n")
        self.write(f"{chip}/temp1_input", 45_000)
        self.write(f"{chip}/temp1_label", "Package id 0\n")
        self.write(f"{chip}/temp2_input", -5_000)
        self.write(f"{chip}/fan1_input", 1200)
        self.write(f"{chip}/power1_average", 95_000_000)
        zone = "/sys/class/thermal/thermal_zone0"
        self.write(f"{zone}/type", "x86_pkg_temp\n")
        self.write(f"{zone}/temp", 47_500)

    def add_thermal_throttle(self, cpus: int = 4) -> None:
        for cpu in range(cpus):  # two threads a core, one package
            base = f"/sys/devices/system/cpu/cpu{cpu}"
            self.write(f"{base}/topology/physical_package_id", 0)
            self.write(f"{base}/topology/core_id", cpu // 2)
            self.write(f"{base}/thermal_throttle/core_throttle_total_time_ms", 100)
            self.write(f"{base}/thermal_throttle/package_throttle_total_time_ms", 500)

    def add_rapl(self, *, energy: int = 1000, most: int = 262_143_328_850) -> None:
        zones = {"intel-rapl:0": "package-0", "intel-rapl:0:0": "dram", "intel-rapl:1": "package-1"}
        for zone, name in zones.items():
            base = f"/sys/class/powercap/{zone}"
            self.write(f"{base}/name", f"{name}\n")
            self.write(f"{base}/energy_uj", energy)
            self.write(f"{base}/max_energy_range_uj", most)
        self.write("/sys/class/powercap/intel-rapl-mmio:0/energy_uj", 7)

    def add_resctrl(self) -> None:
        base = "/sys/fs/resctrl/mon_data/mon_L3_00"
        self.write(f"{base}/mbm_total_bytes", 1_000_000)
        self.write(f"{base}/mbm_local_bytes", 600_000)
        self.write(f"{base}/llc_occupancy", 4096)

    def add_ethtool(self, *, pause: int = 10) -> None:
        self.write(
            "/sys/inlay-ethtool/eth0",
            "NIC statistics:\n"
            "     rx_packets: 1000\n"
            f"     rx_prio3_pause: {pause}\n"
            "     tx_prio3_pause: 5\n"
            "     rx_prio3_pause_duration: 2000\n"
            "     rx_prio3_pause_transition: 4\n"
            "     rx_out_of_buffer: 6\n"
            "     rx_discards_phy: 7\n",
        )

    def add_all(self, *, ports: int = 8) -> None:
        self.add_proc()
        self.add_cgroup_v2()
        self.add_numa()
        self.add_infiniband(ports)
        self.add_sensors()
        self.add_thermal_throttle()
        self.add_rapl()
        self.add_resctrl()
        self.add_ethtool()
