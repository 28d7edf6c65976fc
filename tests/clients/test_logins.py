"""
What others make of the file that `docker login` writes, by password and by key: Kubernetes' own reader of pull secrets, with
containerd; crane, oras, skopeo, podman, watchtower, and oras-py, none of which asked for the password itself.
"""
import os
from lab import REGISTRY, ClientCase
from layout import make_layout
from obtain import built, kubelet, newer, python


class Logins(ClientCase):
    tools = ("dockerd", "docker", "containerd", "ctr", "skopeo", "podman")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        lab = cls.lab
        cls.seed(cls, "logins/seed")
        cls.image = f"{REGISTRY}/logins/seed:app"
        for folder in ("docker/certs.d", "containerd/certs.d"):
            lab.trust(folder)
        cls.daemon, cls.address = lab.dockerd("docker-logins")
        key = next(w for w in lab.server.command("key", "create", lab.user).split() if w.startswith("cove_k_"))
        for name, password in (("password", lab.password), ("key", key)):
            lab.client("/usr/bin/docker", "-H", cls.address, "login", "-u", lab.user, "--password-stdin", REGISTRY,
                       stdin=password.encode(), DOCKER_CONFIG=lab.path("login-" + name))

    @classmethod
    def tearDownClass(cls):
        cls.daemon.terminate()
        cls.daemon.wait(60)

    def by_both(self, do):
        """do(the file, its folder, a name for what is made) with each of the two logins."""
        for name in ("password", "key"):
            with self.subTest(login=name):
                folder = self.lab.path("login-" + name)
                do(folder + "/config.json", folder, name)

    def test_kubernetes(self):
        reader = kubelet()
        _, socket = self.lab.containerd("containerd-logins")

        def do(file, folder, name):
            pair = self.lab.client(reader, file, self.image).strip()
            self.assertTrue(pair.startswith(self.lab.user + ":"), pair)
            ctr = lambda *a: self.lab.client("ctr", "-a", socket, "images", *a)
            ctr("pull", "--hosts-dir", "/etc/containerd/certs.d", "--user", pair, self.image)
            ctr("rm", "--sync", self.image)
        self.by_both(do)

    def test_go(self):
        crane, oras = newer("crane", "forky"), newer("oras", "trixie")

        def do(file, folder, name):
            settings = {"DOCKER_CONFIG": folder, "SSL_CERT_FILE": self.lab.server.ca}
            made = f"{REGISTRY}/logins/{name}"
            self.assertIn(self.app, self.lab.client(crane, "digest", self.image, **settings))
            self.lab.client(crane, "copy", self.image, made + ":crane", **settings)
            in_lab = ("env", "-C", self.lab.dir, oras)
            self.lab.client(*in_lab, "push", made + ":oras", "etc/hosts:text/plain", **settings)
            self.lab.client(*in_lab, "pull", "-o", "oras-" + name, made + ":oras", **settings)
        self.by_both(do)

    def test_containers(self):
        def do(file, folder, name):
            made = f"docker://{REGISTRY}/logins/{name}"
            self.lab.client("skopeo", "copy", "--authfile", file, "docker://" + self.image, made + ":skopeo")
            p = self.lab.path("podman-logins")
            self.lab.client("podman", "--root", p + "/root", "--runroot", p + "/run", "--tmpdir", p + "/tmp", "--storage-driver", "vfs",
                            "--cgroup-manager", "cgroupfs", "--events-backend", "file", "pull", "--authfile", file, self.image)
        self.by_both(do)

    def test_oras_py(self):
        """By its two kinds of login; with tokens it pulls only (it never asks for a second one with more rights)."""
        packages = python("oras==0.2.43")
        script = self.lab.path("push_and_pull.py")
        with open(script, "w") as f:
            f.write("import sys\nimport oras.client\nconfig, target, file, folder = sys.argv[1:]\n"
                    "client = lambda auth: oras.client.OrasClient(auth_backend=auth)\n"
                    "client('basic').push(target=target, files=[file], config_path=config, disable_path_validation=True)\n"
                    "for auth in ('basic', 'token'):\n"
                    "    print(client(auth).pull(target=target, config_path=config, outdir=folder + auth))\n")

        def do(file, folder, name):
            said = self.lab.client("env", "-C", self.lab.dir, "/usr/bin/python3", script, file, f"{REGISTRY}/logins/{name}:py", "etc/hosts",
                                   self.lab.path("py-" + name), PYTHONPATH=packages, REQUESTS_CA_BUNDLE=self.lab.server.ca)
            self.assertEqual(said.count("/hosts"), 2, said)
        self.by_both(do)

    def test_watchtower(self):
        """It asks for the digest of a container's image by HEAD, and finds what was pushed since."""
        program, other = built("watchtower")[0], self.lab.path("layout-new")
        make_layout(other)

        def do(file, folder, name):
            docker = lambda *a: self.lab.client("/usr/bin/docker", "-H", self.address, *a, DOCKER_CONFIG=folder)
            watched = f"{REGISTRY}/logins/watched-{name}:1"
            push = lambda layout: self.lab.client("skopeo", "copy", "--authfile", file, f"oci:{layout}:app", "docker://" + watched)
            watch = lambda: self.lab.client(program, "--run-once", "--include-stopped", "--monitor-only", "--debug", "watched-" + name,
                                            DOCKER_HOST=self.address, DOCKER_CONFIG=folder, SSL_CERT_FILE=self.lab.server.ca, timeout=120)
            push(self.layout)
            docker("pull", watched)
            docker("create", "--name", "watched-" + name, watched)
            for wanted, layout in (("Found a match", None), ("Found new", other)):
                if layout:
                    push(layout)
                said = watch()
                self.assertIn(wanted, said)
                self.assertNotIn("Could not do a head request", said)
        self.by_both(do)
