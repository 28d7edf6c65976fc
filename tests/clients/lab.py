"""
cove on one host, reg.test, and the machines of its clients around it (machine.py), in network namespaces. Not loopback:
Docker and others take 127.0.0.0/8 for insecure registries, which would prove nothing about TLS trust.
"""
import atexit, os, shutil, subprocess, sys, tempfile, unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import cove, daemons
from layout import make_layout
from machine import ETC, Machine, run
from obtain import CACHE
from peer import Upstream

REGISTRY = "reg.test:5000"


def need(*tools):
    """A missing client fails the run with the command that installs it."""
    packages = {"docker": "docker.io", "dockerd": "docker.io", "ctr": "containerd", "nsenter": "util-linux", "ip": "iproute2"}
    for tool in tools:
        if not shutil.which(tool, path="/usr/sbin:/usr/bin:/sbin:/bin"):
            raise AssertionError(f"{tool} is missing: apt-get install --no-install-recommends {packages.get(tool, tool)}")


class Lab:
    """Made once per test program. The server is a struct of its own so that tests may look at its log."""

    def __init__(self):
        need("ip", "nsenter", "openssl")
        self.dir, self.cache = tempfile.mkdtemp(prefix="cove-clients-"), CACHE
        self.namespace = f"cove-{os.getpid()}"
        self.processes, self.machines = [], []
        atexit.register(self.close)
        os.makedirs(CACHE, exist_ok=True)
        os.makedirs(self.path("root"))
        open(self.path("resolv.conf"), "w").close()
        run("ip", "netns", "add", self.namespace)
        self.clients = self.machine("clients")
        self.start_server()

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def machine(self, name, root=None):
        machine = Machine(self, name, len(self.machines), root)
        self.machines.append(machine)
        return machine

    def inside(self):
        """The words that run a command on the server's host."""
        return ["nsenter", f"--net=/run/netns/{self.namespace}", "unshare", "-m", "--propagation", "private", "bash", "-c",
                'set -e; mount --bind "$0/etc/hosts" /etc/hosts; mount --bind "$0/resolv.conf" /etc/resolv.conf; exec "$@"', self.dir]

    def start_server(self):
        lab = self

        class Server(cove.Cove):
            def start(self):
                popen, subprocess.Popen = subprocess.Popen, lambda args, **kw: popen(lab.inside() + args, **kw)
                try:
                    return super().start()
                finally:
                    subprocess.Popen = popen
        os.makedirs(self.path("data"))
        self.server = Server("--names", "reg.test", "--access-log", data=self.path("data"), host="", port=5000)
        self.server.host = ""
        self.server.start()
        self.user, self.password = "dev", "dev-password-1"
        self.server.command("user", "add", self.user, "--grant", "**:pull,push,delete", stdin=self.password.encode() + b"\n")
        with open(self.server.ca, "rb") as f:
            self.ca = f.read()

    def env(self, **more):
        """A clean home: no credentials, no proxies, no settings of the machine."""
        home = self.path("home")
        os.makedirs(home, exist_ok=True)
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": home, "TMPDIR": self.dir, "XDG_RUNTIME_DIR": home,
                "REGISTRY_AUTH_FILE": self.path("auth.json"), "LANG": "C.UTF-8", **more}

    def spawn(self, words, log, env):
        with open(self.path(log), "ab") as f:
            p = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=f, stderr=f, env=env, start_new_session=True)
        self.processes.append(p)
        return p

    # On the first machine, for those who need no other.

    def client(self, *command, **k):
        return self.clients.run(*command, **k)

    def background(self, *command, **k):
        return self.clients.background(*command, **k)

    def dockerd(self, name, **settings):
        return daemons.dockerd(self.clients, name, **{"storage-driver": "vfs", **settings})

    def containerd(self, name):
        return daemons.containerd(self.clients, name)

    def trust(self, folder, registry=REGISTRY):
        self.clients.trust(folder, registry, self.ca)

    def distrust(self, folder, registry=REGISTRY):
        self.clients.distrust(folder, registry)

    def upstream(self, name, layout):
        """Debian's docker-registry behind TLS, on the server's host, with the layout's images as library/busybox, app as :1."""
        return Upstream(self, name, layout)

    def close(self):
        for p in reversed(self.processes):
            if p.poll() is None:
                p.terminate()
        for p in reversed(self.processes):
            try:
                p.wait(20)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        if hasattr(self, "server"):
            self.server.destroy()
        for machine in self.machines:
            machine.close()
        subprocess.run(["ip", "netns", "del", self.namespace], capture_output=True)
        with open("/proc/mounts") as f:
            for line in f:
                if line.split()[1].startswith(self.dir):
                    subprocess.run(["umount", "-l", line.split()[1]], capture_output=True)
        shutil.rmtree(self.dir, ignore_errors=True)


_lab = None


def lab():
    global _lab
    if not _lab:
        _lab = Lab()
    return _lab


class ClientCase(unittest.TestCase):
    tools = ()

    @classmethod
    def setUpClass(cls):
        need(*cls.tools)
        cls.lab = lab()
        cls.layout = cls.lab.path("layout-" + cls.__name__)
        cls.app, cls.multi = make_layout(cls.layout)
        if os.path.exists(cls.lab.path("auth.json")):
            os.unlink(cls.lab.path("auth.json"))

    def seed(self, name):
        """The image under name:app and name:multi, pushed by skopeo as a known good client."""
        self.lab.trust("containers/certs.d")
        for tag in ("app", "multi"):
            self.lab.client("skopeo", "copy", "--all", "--dest-creds", f"{self.lab.user}:{self.lab.password}", "--preserve-digests",
                            f"oci:{self.layout}:{tag}", f"docker://{REGISTRY}/{name}:{tag}")
