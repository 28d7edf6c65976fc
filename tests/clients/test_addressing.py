"""
dockerd, containerd and podman through every way in which a namespace can be addressed: its path, a port and a host name of its
own, plain HTTP where that was asked for, ?ns= where the client knows it; proxies, groups and hosted alike. And k3s's own reader
of the file that is written for it. The upstream is Debian's docker-registry behind TLS; in the end it is gone.
"""
import json, os, time
from lab import ETC, REGISTRY, ClientCase
from obtain import built

PORT, PLAIN, GROUP = "reg.test:5021", "reg.test:5022", "reg.test:5023"
REGISTRIES = (REGISTRY, PORT, GROUP, "hub.lan:5000", "all.lan:5000")
# where the proxy's library/busybox is found
PLACES = {"path": f"{REGISTRY}/hub/library/busybox", "port": f"{PORT}/library/busybox", "host": "hub.lan:5000/library/busybox",
          "group": f"{REGISTRY}/all/library/busybox", "group's port": f"{GROUP}/library/busybox", "group's host": "all.lan:5000/library/busybox"}
# where the hosted namespace is, and the group that writes to it
PUSHES = {"path": f"{REGISTRY}/own/pushed", "group": f"{REGISTRY}/all/pushed", "group's port": f"{GROUP}/pushed",
          "group's host": "all.lan:5000/pushed"}


class Addressing(ClientCase):
    tools = ("skopeo", "podman", "docker", "dockerd", "containerd", "ctr")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        lab = cls.lab
        cls.upstream = lab.upstream("addressing-upstream", cls.layout)
        c = lab.server.command
        c("namespace", "create", "own", "hosted")
        # freshness none: every pull of a tag wants to ask
        c("namespace", "create", "hub", "proxy", f"upstream=https://{cls.upstream.address}", "ca=" + cls.upstream.ca, "library=true",
          "upstream_names=docker.io registry-1.docker.io", "listener=https", "port=5021", "host=hub.lan", "fresh=0s")
        c("namespace", "create", "plain", "proxy", f"upstream=https://{cls.upstream.address}", "ca=" + cls.upstream.ca,
          "upstream_names=none", "listener=http", "port=5022")
        c("namespace", "create", "all", "group", "members=own hub", "writable=own", "listener=https", "port=5023", "host=all.lan")
        for name in ("hub", "plain", "all"):
            c("user", "grant", "anonymous", name + "/**", "pull")
        for folder in ETC:
            for registry in REGISTRIES:
                lab.trust(folder, registry)
        cls.docker, cls.docker_socket = lab.dockerd("docker-addressing", **{"insecure-registries": [PLAIN]})
        cls.containerd, cls.containerd_socket = lab.containerd("containerd-addressing")
        time.sleep(3)  # listeners and names follow within two seconds

    @classmethod
    def tearDownClass(cls):
        for daemon in (cls.docker, cls.containerd):
            daemon.terminate()
            daemon.wait(60)
        for name in ("all", "plain", "hub", "own"):
            cls.lab.server.command("namespace", "remove", name, "--purge")
            if name != "own":
                cls.lab.server.command("user", "revoke", "anonymous", name + "/**")
        cls.upstream.stop()
        for folder in ETC:
            for registry in (*REGISTRIES, "docker.io"):
                cls.lab.distrust(folder, registry)

    def d(self, *a, **k):
        return self.lab.client("/usr/bin/docker", "-H", self.docker_socket, *a, DOCKER_CONFIG=self.lab.path("docker-addressing-config"), **k)

    def ctr(self, *a, **k):
        return self.lab.client("ctr", "-a", self.containerd_socket, "images", *a, **k)

    def p(self, *a, **k):
        d = self.lab.path("podman-addressing")
        return self.lab.client("podman", "--root", d + "/root", "--runroot", d + "/run", "--tmpdir", d + "/tmp", "--storage-driver", "vfs",
                               "--cgroup-manager", "cgroupfs", "--events-backend", "file", *a, **k)

    def docker_all(self):
        for how, image in PLACES.items():
            with self.subTest(engine="docker", how=how):
                self.d("pull", image + ":1")
                self.d("pull", image + ":multi")
                self.assertIn(self.multi, self.d("image", "inspect", image + ":multi"))
                self.d("rmi", image + ":1", image + ":multi")
        self.d("pull", f"{PLAIN}/library/busybox:1")
        self.d("rmi", f"{PLAIN}/library/busybox:1")

    def containerd_all(self):
        hosts = ("--hosts-dir", "/etc/containerd/certs.d")
        toml = self.lab.path("etc", "containerd/certs.d", "docker.io")
        os.makedirs(toml, exist_ok=True)
        with open(toml + "/cove.crt", "wb") as f:
            f.write(self.lab.ca)
        with open(toml + "/hosts.toml", "w") as f:
            f.write(self.lab.server.command("mirror", "config", "containerd", "--address", REGISTRY))
        for how, image in {**PLACES, "ns": "docker.io/library/busybox"}.items():
            with self.subTest(engine="containerd", how=how):
                self.ctr("pull", *hosts, image + ":1")
                self.ctr("pull", *hosts, "--all-platforms", image + ":multi")
                self.assertIn(self.multi, self.ctr("ls"))
                self.ctr("rm", "--sync", image + ":1", image + ":multi")
        self.ctr("pull", "--plain-http", f"{PLAIN}/library/busybox:1")
        self.ctr("rm", "--sync", f"{PLAIN}/library/busybox:1")

    def podman_all(self):
        with open(self.lab.path("auth.json"), "w") as f:
            f.write("{}")
        for how, image in PLACES.items():
            with self.subTest(engine="podman", how=how):
                self.p("pull", image + ":1")
                self.p("pull", image + ":multi")
                self.p("rmi", image + ":1", image + ":multi")
        self.p("pull", "--tls-verify=false", f"{PLAIN}/library/busybox:1")
        self.p("rmi", "--all", "--force")

    def wharfie(self):
        """k3s and RKE2 read registries.yaml by this library (and its program); ?ns= goes with it."""
        program = built("wharfie")[0]
        config = self.lab.path("registries.yaml")
        with open(config, "w") as f:
            f.write(self.lab.server.command("mirror", "config", "k3s", "--address", REGISTRY).replace(
                "/etc/rancher/k3s/cove.crt", self.lab.server.ca))
        to = self.lab.path("wharfie-%d" % time.monotonic_ns())
        os.makedirs(to)
        self.lab.client(program, "--private-registry", config, "--arch", "amd64", "docker.io/library/busybox:1", to)
        self.assertTrue(os.path.exists(to + "/etc/layer0"), os.listdir(to))

    def test_1_pulls(self):
        self.docker_all()
        self.containerd_all()
        self.podman_all()
        self.wharfie()
        self.assertGreater(self.upstream.fetches(), 0)

    def test_2_pushes(self):
        """To the hosted namespace by its path, and through the group: all of it lands in the one place."""
        user, password = self.lab.user, self.lab.password
        for registry in (REGISTRY, GROUP, "all.lan:5000"):
            self.d("login", "-u", user, "--password-stdin", registry, stdin=password.encode())
            self.p("login", "-u", user, "-p", password, registry)
        self.d("pull", PLACES["path"] + ":1")
        self.p("pull", PLACES["path"] + ":1")
        self.ctr("pull", "--hosts-dir", "/etc/containerd/certs.d", PLACES["path"] + ":1")
        for i, (how, image) in enumerate(PUSHES.items()):
            with self.subTest(how=how):
                for engine, push in (("docker", self.d), ("podman", self.p)):
                    push("tag", PLACES["path"] + ":1", f"{image}:{engine}{i}")
                    push("push", f"{image}:{engine}{i}")
                self.ctr("tag", PLACES["path"] + ":1", f"{image}:containerd{i}")
                self.ctr("push", "--hosts-dir", "/etc/containerd/certs.d", "-u", f"{user}:{password}", f"{image}:containerd{i}")
        tags = json.loads(self.lab.client("skopeo", "list-tags", f"docker://{PUSHES['path']}"))["Tags"]
        self.assertEqual(tags, sorted(f"{e}{i}" for e in ("docker", "podman", "containerd") for i in range(len(PUSHES))))
        for registry in (REGISTRY, GROUP, "all.lan:5000"):
            self.d("logout", registry)
            self.p("logout", registry)

    def test_3_without_the_upstream(self):
        """Gone for good: whatever was pulled once is pulled again, by every way."""
        self.upstream.stop()
        self.docker_all()
        self.containerd_all()
        self.podman_all()
        self.wharfie()
