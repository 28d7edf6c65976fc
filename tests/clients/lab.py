"""
Two hosts on one machine, in network namespaces: 10.77.0.2 (reg.test) runs cove, 10.77.0.1 runs the clients. Not loopback:
Docker and others take 127.0.0.0/8 for insecure registries, which would prove nothing about TLS trust. Inside, only
these two names resolve, so nothing leaves the machine. Every client sees its own, empty certs.d folders.
"""
import atexit, gzip, hashlib, io, json, os, shutil, signal, subprocess, sys, tarfile, tempfile, time, unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import cove

REGISTRY = "reg.test:5000"
ETC = ("docker/certs.d", "containers/certs.d", "containerd/certs.d")


def need(*tools):
    """A missing client fails the run with the command that installs it."""
    packages = {"docker": "docker.io", "dockerd": "docker.io", "ctr": "containerd", "nsenter": "util-linux", "ip": "iproute2"}
    for tool in tools:
        if not shutil.which(tool, path="/usr/sbin:/usr/bin:/sbin:/bin"):
            raise AssertionError(f"{tool} is missing: apt-get install --no-install-recommends {packages.get(tool, tool)}")


def run(*command, status=0, env=None, stdin=None, timeout=300):
    done = subprocess.run(command, capture_output=True, env=env, input=stdin, timeout=timeout)
    if status is not None and (done.returncode != 0) != (status != 0):
        raise AssertionError(f"{' '.join(map(str, command))}\nstatus {done.returncode}, wanted {status}\n"
                             f"{done.stdout.decode()[-2000:]}\n{done.stderr.decode()[-4000:]}")
    return done.stdout.decode() + done.stderr.decode()


class Lab:
    """Made once per test program. The server is a struct of its own so that tests may look at its log."""

    def __init__(self):
        need("ip", "nsenter", "openssl")
        self.dir = tempfile.mkdtemp(prefix="cove-clients-")
        self.names = [f"cove-srv-{os.getpid()}", f"cove-cli-{os.getpid()}"]
        self.processes = []
        atexit.register(self.close)
        for name, address in zip(self.names, ("10.77.0.2/24", "10.77.0.1/24")):
            run("ip", "netns", "add", name)
        run("ip", "link", "add", "vcove0", "netns", self.names[0], "type", "veth", "peer", "name", "vcove1", "netns", self.names[1])
        for i, (name, address) in enumerate(zip(self.names, ("10.77.0.2/24", "10.77.0.1/24"))):
            run("ip", "-n", name, "addr", "add", address, "dev", f"vcove{i}")
            run("ip", "-n", name, "link", "set", "lo", "up")
            run("ip", "-n", name, "link", "set", f"vcove{i}", "up")
        with open(self.path("hosts"), "w") as f:
            f.write("127.0.0.1 localhost\n10.77.0.2 reg.test hub.lan all.lan\n10.77.0.1 cli.test\n")
        open(self.path("resolv.conf"), "w").close()
        for e in ETC:
            os.makedirs(os.path.join("/etc", e), exist_ok=True)
            os.makedirs(self.path("etc", e))
        self.start_server()

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def inside(self, host):
        """The words that run a command on one of the two hosts."""
        mounts = "mount --bind $0/hosts /etc/hosts; mount --bind $0/resolv.conf /etc/resolv.conf; "
        mounts += "".join(f"mount --bind $0/etc/{e} /etc/{e}; " for e in ETC)
        return ["nsenter", f"--net=/run/netns/{self.names[host]}", "unshare", "-m", "--propagation", "private",
                "bash", "-c", "set -e; " + mounts + 'exec "$@"', self.dir]

    def start_server(self):
        lab = self

        class Server(cove.Cove):
            def start(self):
                popen, subprocess.Popen = subprocess.Popen, lambda args, **kw: popen(lab.inside(0) + args, **kw)
                try:
                    return super().start()
                finally:
                    subprocess.Popen = popen
        os.makedirs(self.path("data"))
        self.server = Server("--names", "reg.test", data=self.path("data"), host="", port=5000)
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

    def client(self, *command, status=0, stdin=None, timeout=300, **env):
        return run(*self.inside(1), *command, status=status, stdin=stdin, env=self.env(**env), timeout=timeout)

    def background(self, *command, log, **env):
        with open(self.path(log), "ab") as f:
            p = subprocess.Popen(self.inside(1) + list(command), stdin=subprocess.DEVNULL, stdout=f, stderr=f, env=self.env(**env),
                                 start_new_session=True)
        self.processes.append(p)
        return p

    def dockerd(self, name, **settings):
        """A daemon with folders of its own; its process and socket."""
        d = self.path(name)
        os.makedirs(d)
        address = f"unix://{d}/docker.sock"
        with open(d + "/daemon.json", "w") as f:
            json.dump({"hosts": [address], "data-root": d + "/data", "exec-root": d + "/exec", "pidfile": d + "/docker.pid",
                       "iptables": False, "ip6tables": False, "ip-forward": False, "ip-masq": False, "bridge": "none",
                       "storage-driver": "vfs", **settings}, f)
        daemon = self.background("dockerd", "--config-file", d + "/daemon.json", log=name + ".log")
        for _ in range(120):
            if subprocess.run(["/usr/bin/docker", "-H", address, "version"], capture_output=True).returncode == 0:
                return daemon, address
            time.sleep(0.5)
        with open(self.path(name + ".log")) as f:
            raise AssertionError("dockerd did not start:\n" + f.read()[-4000:])

    def containerd(self, name):
        d = self.path(name)
        os.makedirs(d)
        with open(d + "/config.toml", "w") as f:
            f.write(f'version = 2\nroot = "{d}/root"\nstate = "{d}/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n'
                    f'[grpc]\n  address = "{d}/containerd.sock"\n')
        daemon = self.background("containerd", "-c", d + "/config.toml", log=name + ".log")
        for _ in range(100):
            if os.path.exists(d + "/containerd.sock"):
                return daemon, d + "/containerd.sock"
            time.sleep(0.2)
        with open(self.path(name + ".log")) as f:
            raise AssertionError("containerd did not start:\n" + f.read()[-4000:])

    def trust(self, folder, registry=REGISTRY):
        """What the README tells a person to do for a client: the CA into certs.d/HOST:PORT."""
        target = self.path("etc", folder, registry)
        os.makedirs(target, exist_ok=True)
        with open(os.path.join(target, "ca.crt"), "wb") as f:
            f.write(self.ca)

    def upstream(self, name, layout):
        """Debian's docker-registry behind TLS, on the server's host, with the layout's images as library/busybox:1 and :multi."""
        return Upstream(self, name, layout)

    def distrust(self, folder, registry=REGISTRY):
        shutil.rmtree(self.path("etc", folder, registry), ignore_errors=True)

    def close(self):
        for p in reversed(self.processes):
            if p.poll() is None:
                p.terminate()
                try:
                    p.wait(20)
                except subprocess.TimeoutExpired:
                    p.kill()
                    p.wait()
        if hasattr(self, "server"):
            self.server.destroy()
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)
        with open("/proc/mounts") as f:
            for line in f:
                if line.split()[1].startswith(self.dir):
                    subprocess.run(["umount", "-l", line.split()[1]], capture_output=True)
        shutil.rmtree(self.dir, ignore_errors=True)


class Upstream:
    address = "reg.test:5443"

    def __init__(self, lab, name, layout):
        self.lab, d = lab, lab.path(name)
        self.log = d + "/log"
        os.makedirs(d)
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=upstream",
            "-addext", "subjectAltName=DNS:reg.test", "-keyout", d + "/key", "-out", d + "/ca")
        with open(d + "/ca") as f:
            self.ca = f.read()
        with open(d + "/config.yml", "w") as f:
            f.write(f"version: 0.1\nlog: {{accesslog: {{disabled: false}}}}\nstorage: {{filesystem: {{rootdirectory: {d}/data}}}}\n"
                    f"http: {{addr: ':5443', tls: {{certificate: {d}/ca, key: {d}/key}}}}\n")
        self.config = d + "/config.yml"
        self.start()
        certs = lab.path("etc", "containers/certs.d", self.address)
        os.makedirs(certs, exist_ok=True)
        with open(certs + "/ca.crt", "w") as out:
            out.write(self.ca)
        for _ in range(50):
            done = lab.client("skopeo", "copy", f"oci:{layout}:app", f"docker://{self.address}/library/busybox:1", status=None)
            if "Writing manifest" in done:
                break
            time.sleep(0.2)
        else:
            raise AssertionError(f"the upstream does not take images: {done}\n{self.read_log()[-3000:]}")
        lab.client("skopeo", "copy", "--all", f"oci:{layout}:multi", f"docker://{self.address}/library/busybox:multi")

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.lab.inside(0) + ["docker-registry", "serve", self.config], stdout=log, stderr=log,
                                            env={"PATH": self.lab.env()["PATH"]}, start_new_session=True)
        self.lab.processes.append(self.process)

    def stop(self):
        self.process.terminate()
        self.process.wait(20)

    def read_log(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def fetches(self):
        """Blobs that it was asked for."""
        return self.read_log().count('"GET /v2/library/busybox/blobs/')


_lab = None


def lab():
    global _lab
    if not _lab:
        _lab = Lab()
    return _lab


def _tar(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.mtime = len(data), 0o755, 1700000000
            t.addfile(info, io.BytesIO(data))
    return out.getvalue()


def make_layout(directory, layers=3, layer_bytes=400000):
    """An OCI layout with a three-layer image `app` and a two-platform index `multi`, built on the spot."""
    blobs = os.path.join(directory, "blobs", "sha256")
    os.makedirs(blobs, exist_ok=True)

    def put(data):
        digest = hashlib.sha256(data).hexdigest()
        with open(os.path.join(blobs, digest), "wb") as f:
            f.write(data)
        return {"digest": "sha256:" + digest, "size": len(data)}

    def build(architecture):
        diff_ids, descriptors = [], []
        for i in range(layers):
            tar = _tar({f"data/{architecture}-{i}": os.urandom(layer_bytes), f"etc/layer{i}": b"layer %d\n" % i})
            diff_ids.append("sha256:" + hashlib.sha256(tar).hexdigest())
            descriptors.append({"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", **put(gzip.compress(tar, 1, mtime=0))})
        config = {"architecture": architecture, "os": "linux", "config": {"Cmd": ["/bin/true"]},
                  "rootfs": {"type": "layers", "diff_ids": diff_ids}, "history": [{"created_by": "cove tests"}] * layers}
        manifest = {"schemaVersion": 2, "mediaType": cove.OCI_IMAGE,
                    "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **put(json.dumps(config).encode())},
                    "layers": descriptors}
        return {"mediaType": cove.OCI_IMAGE, **put(json.dumps(manifest).encode()),
                "platform": {"architecture": architecture, "os": "linux"}}

    amd64, arm64 = build("amd64"), build("arm64")
    index = put(json.dumps({"schemaVersion": 2, "mediaType": cove.OCI_INDEX, "manifests": [amd64, arm64]}).encode())
    named = [{**{k: v for k, v in amd64.items() if k != "platform"}, "annotations": {"org.opencontainers.image.ref.name": "app"}},
             {"mediaType": cove.OCI_INDEX, **index, "annotations": {"org.opencontainers.image.ref.name": "multi"}}]
    with open(os.path.join(directory, "index.json"), "w") as f:
        json.dump({"schemaVersion": 2, "manifests": named}, f)
    with open(os.path.join(directory, "oci-layout"), "w") as f:
        f.write('{"imageLayoutVersion":"1.0.0"}')
    return amd64["digest"], index["digest"]


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
