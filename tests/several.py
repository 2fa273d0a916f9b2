"""Machines of their own on one: network, processes and name of the services; without root, folders alone."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SERVICES = "services.example"


@dataclass
class Network:
    """A bridge with the services at `address`, and a network namespace for each machine; or this machine itself."""

    apart: bool
    tag: str = field(default_factory=lambda: f"lab{os.getpid()}")
    machines: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Where the services listen."""
        return "10.213.7.1" if self.apart else "127.0.0.1"

    @property
    def name(self) -> str:
        """What machines call it."""
        return SERVICES if self.apart else "localhost"

    def _ip(self, *words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True)

    def set_up(self) -> None:
        """The bridge."""
        if self.apart:
            self._ip("link", "add", self.tag, "type", "bridge")
            self._ip("address", "add", f"{self.address}/24", "dev", self.tag)
            self._ip("link", "set", self.tag, "up")

    def add(self, machine: str) -> None:
        """A machine of this name."""
        self.machines.append(machine)
        if not self.apart:
            return
        space, number = f"{self.tag}-{machine}", len(self.machines)
        self._ip("netns", "add", space)
        self._ip("link", "add", f"{self.tag}h{number}", "type", "veth", "peer", "name", "eth0", "netns", space)
        self._ip("link", "set", f"{self.tag}h{number}", "master", self.tag, "up")
        self._ip("-n", space, "address", "add", f"10.213.7.{number + 1}/24", "dev", "eth0")
        self._ip("-n", space, "link", "set", "eth0", "up")
        self._ip("-n", space, "link", "set", "lo", "up")
        hosts = Path("/etc/netns") / space / "hosts"
        hosts.parent.mkdir(parents=True, exist_ok=True)
        hosts.write_text(f"127.0.0.1 localhost\n{self.address} {SERVICES}\n")

    def command(self, machine: str, words: list[str]) -> list[str]:
        """These words, run on the machine: it sees no other machine's processes either."""
        if not self.apart:
            return words
        # What it is killed with ends all of its processes, as a power cut does.
        apart = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
        return ["ip", "netns", "exec", f"{self.tag}-{machine}", *apart, *words]

    def vanish(self, machine: str, worker: subprocess.Popen[str]) -> None:
        """The machine is gone without a word: first its cable, then its processes."""
        if self.apart:
            self._ip("-n", f"{self.tag}-{machine}", "link", "set", "eth0", "down")
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()

    def tear_down(self) -> None:
        """Leave nothing."""
        if not self.apart:
            return
        for machine in self.machines:
            with contextlib.suppress(subprocess.CalledProcessError):
                self._ip("netns", "delete", f"{self.tag}-{machine}")
            shutil.rmtree(f"/etc/netns/{self.tag}-{machine}", ignore_errors=True)
        with contextlib.suppress(subprocess.CalledProcessError):
            self._ip("link", "delete", self.tag)


def _is_possible() -> bool:
    """Whether this user may make network namespaces."""
    name = f"lab{os.getpid()}-try"
    try:
        subprocess.run(["ip", "netns", "add", name], check=True, capture_output=True)
        subprocess.run(["ip", "netns", "delete", name], check=True, capture_output=True)
        subprocess.run(["unshare", "--pid", "--fork", "--mount-proc", "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


@contextlib.contextmanager
def network() -> Iterator[Network]:
    """A network for as long as the context lasts."""
    found = Network(apart=_is_possible())
    try:
        found.set_up()
        yield found
    finally:
        found.tear_down()
