"""
What people run Nexus for: hosted, proxy and group namespaces on ports of their own, a role, a user, anonymous pull; and
cove as a mirror of Docker Hub for dockerd, containerd and podman, which must find no way around it: no name but ours
resolves in the lab. The upstream is Debian's docker-registry behind TLS.
"""
import json, os, time
from lab import ClientCase, make_layout

OWN, HUB, ALL = "reg.test:5011", "reg.test:5012", "reg.test:5013"


class Nexus(ClientCase):
    tools = ("skopeo", "podman", "docker", "dockerd", "containerd", "ctr")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        lab = cls.lab
        cls.upstream = lab.upstream("upstream", cls.layout)
        c = lab.server.command
        c("namespace", "create", "own", "hosted", "listener=https", "port=5011", "redeploy=refused", "redeploy_except=latest")
        c("namespace", "create", "hub", "proxy", f"upstream=https://{cls.upstream.address}", "ca=" + cls.upstream.ca, "library=true",
          "upstream_names=docker.io registry-1.docker.io", "listener=https", "port=5012")
        c("namespace", "create", "all", "group", "members=own hub", "writable=own", "listener=https", "port=5013")
        c("role", "add", "images")
        for pattern in ("own/**", "all/**"):
            c("role", "grant", "images", pattern, "pull,push")
        c("user", "add", "nexus", "--role", "images", stdin=b"nexus-password\n")
        for registry in (OWN, HUB, ALL):
            for folder in ("containers/certs.d", "docker/certs.d"):
                lab.trust(folder, registry)
        time.sleep(3)  # listeners follow within two seconds

    @classmethod
    def tearDownClass(cls):
        for name in ("all", "hub", "own"):
            cls.lab.server.command("namespace", "remove", name, "--purge")
        cls.upstream.stop()

    def skopeo(self, *a, **k):
        return self.lab.client("skopeo", *a, **k)

    def test_tutorial(self):
        s, app = self.skopeo, f"oci:{self.layout}:app"
        for registry in (OWN, ALL):
            s("copy", app, f"docker://{registry}/team/app:1", status=1)  # anonymous
            s("login", "-u", "nexus", "-p", "wrong-password", registry, status=1)
            s("login", "-u", "nexus", "-p", "nexus-password", registry)
        s("copy", app, f"docker://{OWN}/team/app:1")
        s("copy", "--all", f"oci:{self.layout}:multi", f"docker://{ALL}/team/multi:1")
        s("copy", f"docker://{ALL}/team/app:1", "dir:" + self.lab.path("nexus-own"))
        s("copy", f"docker://{OWN}/team/multi:1", "dir:" + self.lab.path("nexus-pushed"))  # through the group
        s("copy", f"docker://{ALL}/library/busybox:1", "dir:" + self.lab.path("nexus-hub"))
        self.assertEqual(json.loads(s("list-tags", f"docker://{ALL}/library/busybox"))["Tags"], ["1", "multi"])
        # redeploy: refused, but for latest; the same image again is no change
        other = self.lab.path("nexus-other")
        make_layout(other)
        s("copy", app, f"docker://{OWN}/team/app:1")
        self.assertIn("cannot be pushed again", s("copy", f"oci:{other}:app", f"docker://{OWN}/team/app:1", status=1))
        s("copy", app, f"docker://{OWN}/team/app:latest")
        s("copy", f"oci:{other}:app", f"docker://{OWN}/team/app:latest")
        # anonymous pull, on and off
        s("logout", OWN), s("logout", ALL)
        pull = ("inspect", f"docker://{ALL}/team/app:1")
        s(*pull, status=1)
        self.lab.server.command("user", "grant", "anonymous", "all/**", "pull")
        s(*pull)
        s("copy", app, f"docker://{ALL}/team/app:2", status=1)
        self.lab.server.command("user", "revoke", "anonymous", "all/**")
        s(*pull, status=1)

    def test_mirrors(self):
        self.lab.server.command("user", "grant", "anonymous", "hub/**", "pull")
        lab = self.lab
        config = lambda engine: lab.server.command("mirror", "config", engine, "--address", "reg.test:5000")
        # dockerd: registry-mirrors, names without a prefix on the listener of the proxy
        settings = json.loads(config("docker"))
        self.assertEqual(settings, {"registry-mirrors": [f"https://{HUB}"]})
        daemon, socket = lab.dockerd("docker-mirror", **settings)
        d = lambda *a, **k: lab.client("/usr/bin/docker", "-H", socket, *a, DOCKER_CONFIG=lab.path("docker-mirror-config"), **k)
        d("pull", "busybox:1")
        d("pull", "busybox:multi")
        self.assertIn("busybox", d("images"))
        d("pull", "busybox:none", status=1)
        daemon.terminate(), daemon.wait(60)
        fetched = self.upstream.fetches()
        self.assertGreater(fetched, 0)
        # containerd: hosts.toml, ?ns=docker.io on the main listener
        daemon, address = lab.containerd("containerd-mirror")
        toml = lab.path("etc", "containerd/certs.d", "docker.io")
        os.makedirs(toml, exist_ok=True)
        with open(toml + "/cove.crt", "wb") as f:
            f.write(lab.ca)
        with open(toml + "/hosts.toml", "w") as f:
            f.write(config("containerd"))
        ctr = lambda *a, **k: lab.client("ctr", "-a", address, "images", *a, **k)
        ctr("pull", "--hosts-dir", "/etc/containerd/certs.d", "docker.io/library/busybox:1")
        ctr("pull", "--all-platforms", "--hosts-dir", "/etc/containerd/certs.d", "docker.io/library/busybox:multi")
        self.assertIn(self.multi, ctr("ls"))
        # by a user of the box: the realm leads to the right token
        self.lab.server.command("user", "revoke", "anonymous", "hub/**")
        again = ("pull", "--hosts-dir", "/etc/containerd/certs.d", "docker.io/library/busybox:1")
        ctr(*again, status=1)
        ctr(again[0], "--user", f"{lab.user}:{lab.password}", *again[1:])
        self.lab.server.command("user", "grant", "anonymous", "hub/**", "pull")
        daemon.terminate(), daemon.wait(60)
        # podman: registries.conf, the namespace as a path
        with open(lab.path("registries.conf"), "w") as f:
            f.write(config("podman"))
        lab.trust("containers/certs.d")
        with open(lab.path("auth.json"), "w") as f:
            f.write("{}")
        p = lab.path("podman-mirror")
        lab.client("podman", "--root", p + "/root", "--runroot", p + "/run", "--tmpdir", p + "/tmp", "--storage-driver", "vfs",
                   "--cgroup-manager", "cgroupfs", "--events-backend", "file", "pull", "docker.io/library/busybox:1",
                   CONTAINERS_REGISTRIES_CONF=lab.path("registries.conf"))
        # what one client has fetched the others have not fetched again (containerd took a platform more)
        self.assertLessEqual(self.upstream.fetches(), fetched + 4)
        # the upstream is gone: everything that was pulled is still there
        self.upstream.stop()
        self.skopeo("copy", f"docker://{HUB}/busybox:1", "dir:" + lab.path("nexus-stale"))
        self.lab.server.command("user", "revoke", "anonymous", "hub/**")
