"""
A machine with clients on it: a network namespace with an address of its own, wired to the server's (the server counts
failed logins by address), in which the lab's names resolve and no others, so nothing leaves the machine; folders of its own
in /etc, nothing in the system's store but what Debian has there, no settings of the caller's. Its programs are this
Debian's, or those of another suite's root (tests/clients/suite).
"""
import os, shutil, subprocess

# Where clients look for the CA, as the README says, and what is a machine's own of /etc.
ETC = ("docker/certs.d", "containers/certs.d", "containerd/certs.d")
OWN = ("docker", *ETC[1:])
ENTER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "enter")
SERVER_NAMES = "reg.test hub.lan all.lan"


def run(*command, status=0, env=None, stdin=None, timeout=300, within=()):
    done = subprocess.run([*within, *command], capture_output=True, env=env, input=stdin, timeout=timeout)
    if status is not None and (done.returncode != 0) != (status != 0):
        raise AssertionError(f"{' '.join(map(str, command))}\nstatus {done.returncode}, wanted {status}\n"
                             f"{done.stdout.decode()[-2000:]}\n{done.stderr.decode()[-4000:]}")
    return done.stdout.decode() + done.stderr.decode()


class Machine:
    """The number makes its network: 10.77.NUMBER.1 here, 10.77.NUMBER.2 at the server's end."""

    def __init__(self, lab, name, number, root=None):
        self.lab, self.name, self.root = lab, name, root or ""
        self.namespace, self.address = f"{lab.namespace}-{number}", f"10.77.{number}.1"
        self.own = lab.path("etc" if number == 0 else "etc-" + name)
        for e in OWN:
            os.makedirs(os.path.join("/etc", e), exist_ok=True)
            os.makedirs(os.path.join(self.own, e))
        with open(self.own + "/hosts", "w") as f:
            f.write(f"127.0.0.1 localhost\n10.77.{number}.2 {SERVER_NAMES}\n10.77.{number}.1 cli.test\n")
        run("ip", "netns", "add", self.namespace)
        run("ip", "link", "add", "net0", "netns", self.namespace, "type", "veth", "peer", "name", f"net{number}", "netns", lab.namespace)
        for namespace, device, end in ((self.namespace, "net0", 1), (lab.namespace, f"net{number}", 2)):
            run("ip", "-n", namespace, "addr", "add", f"10.77.{number}.{end}/24", "dev", device)
            for up in ("lo", device):
                run("ip", "-n", namespace, "link", "set", up, "up")

    def inside(self, data=""):
        """The words that run a command there; what it writes to the folder data stays in memory."""
        return ["nsenter", f"--net=/run/netns/{self.namespace}", "unshare", "-m", "--propagation", "private",
                ENTER, self.lab.dir, self.own, self.root, self.lab.cache, data]

    def run(self, *command, status=0, stdin=None, timeout=300, **env):
        return run(*command, status=status, stdin=stdin, env=self.lab.env(**env), timeout=timeout, within=self.inside())

    def background(self, *command, log, data="", **env):
        return self.lab.spawn(self.inside(data) + list(command), log, self.lab.env(**env))

    def trust(self, folder, registry, ca):
        """What the README tells a person to do for a client: the CA into certs.d/HOST:PORT."""
        target = os.path.join(self.own, folder, registry)
        os.makedirs(target, exist_ok=True)
        with open(os.path.join(target, "ca.crt"), "wb") as f:
            f.write(ca)

    def distrust(self, folder, registry):
        shutil.rmtree(os.path.join(self.own, folder, registry), ignore_errors=True)

    def forget(self, folder):
        for registry in os.listdir(os.path.join(self.own, folder)):
            self.distrust(folder, registry)

    def requests(self):
        """What came from here, and what was refused: lines of the server's log."""
        return [line for line in self.lab.server.read_log().split("\n") if f"peer={self.address} " in line + " "]

    def close(self):
        subprocess.run(["ip", "netns", "del", self.namespace], capture_output=True)
