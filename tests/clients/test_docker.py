"""A real dockerd: trust by /etc/docker/certs.d, no insecure option anywhere."""
import json, os
from lab import REGISTRY, ClientCase


class Docker(ClientCase):
    tools = ("dockerd", "docker", "containerd", "skopeo")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.daemon, cls.socket = cls.lab.dockerd("docker")

    @classmethod
    def tearDownClass(cls):
        cls.daemon.terminate()
        cls.daemon.wait(60)

    def d(self, *a, **k):
        return self.lab.client("/usr/bin/docker", "-H", self.socket, *a, DOCKER_CONFIG=self.lab.path("docker-config"), **k)

    def login(self, password, **k):
        return self.d("login", "-u", self.lab.user, "--password-stdin", REGISTRY, stdin=password.encode(), **k)

    def test_all(self):
        self.seed("docker/seed")
        self.lab.distrust("docker/certs.d")
        self.assertIn("unknown authority", self.login(self.lab.password, status=1))
        self.lab.trust("docker/certs.d")
        self.assertIn("unauthorized", self.login("wrong-password", status=1).lower())
        self.d("pull", f"{REGISTRY}/docker/seed:app", status=1)
        self.assertIn("Login Succeeded", self.login(self.lab.password))
        with open(os.path.join(self.lab.path("docker-config"), "config.json")) as f:
            saved = json.load(f)["auths"][REGISTRY]
        self.assertNotIn("identitytoken", saved)  # which many that read the file do not know
        self.d("pull", f"{REGISTRY}/docker/seed:app")
        self.d("pull", f"{REGISTRY}/docker/seed:multi")
        self.assertIn(self.multi, self.d("image", "inspect", f"{REGISTRY}/docker/seed:multi"))
        self.d("tag", f"{REGISTRY}/docker/seed:app", f"{REGISTRY}/docker/app:v1")
        self.assertIn("digest: sha256:", self.d("push", f"{REGISTRY}/docker/app:v1"))
        context = self.lab.path("docker-build")
        os.makedirs(context)
        with open(context + "/Dockerfile", "w") as f:
            f.write("FROM scratch\nCOPY file /file\n")
        with open(context + "/file", "wb") as f:
            f.write(os.urandom(2 << 20))
        self.d("build", "-t", f"{REGISTRY}/docker/built:1", context, DOCKER_BUILDKIT="0")
        self.d("push", f"{REGISTRY}/docker/built:1")
        self.d("manifest", "inspect", f"{REGISTRY}/docker/built:1")  # this docker reads no OCI types here
        self.d("rmi", f"{REGISTRY}/docker/built:1", f"{REGISTRY}/docker/app:v1")
        self.d("pull", f"{REGISTRY}/docker/built:1")
        self.d("logout", REGISTRY)
        self.d("pull", f"{REGISTRY}/docker/app:v1", status=1)
        self.d("push", f"{REGISTRY}/docker/built:1", status=1)


class Containerd(ClientCase):
    tools = ("containerd", "ctr", "skopeo")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.daemon, cls.address = cls.lab.containerd("containerd")

    @classmethod
    def tearDownClass(cls):
        cls.daemon.terminate()
        cls.daemon.wait(60)

    def ctr(self, *a, **k):
        return self.lab.client("ctr", "-a", self.address, "images", *a, **k)

    def test_all(self):
        self.seed("containerd/seed")
        creds = f"{self.lab.user}:{self.lab.password}"
        hosts = ("--hosts-dir", "/etc/containerd/certs.d")
        image = f"{REGISTRY}/containerd/seed"
        toml = self.lab.path("etc", "containerd/certs.d", REGISTRY)
        os.makedirs(toml, exist_ok=True)
        self.ctr("pull", *hosts, "-u", creds, image + ":app", status=1)  # no trust yet
        with open(toml + "/cove.crt", "wb") as f:
            f.write(self.lab.ca)
        with open(toml + "/hosts.toml", "w") as f:
            f.write(f'server = "https://{REGISTRY}"\n[host."https://{REGISTRY}"]\n  capabilities = ["pull", "resolve", "push"]\n'
                    f'  ca = "{"/etc/containerd/certs.d/" + REGISTRY}/cove.crt"\n')
        self.ctr("pull", *hosts, image + ":app", status=1)  # anonymous
        self.ctr("pull", *hosts, "-u", f"{self.lab.user}:wrong-password", image + ":app", status=1)
        self.ctr("pull", *hosts, "-u", creds, image + ":app")
        self.ctr("pull", *hosts, "--all-platforms", "-u", creds, image + ":multi")
        self.assertIn(self.multi, self.ctr("ls"))
        self.ctr("tag", image + ":app", f"{REGISTRY}/containerd/app:v1")
        self.ctr("push", *hosts, "-u", creds, f"{REGISTRY}/containerd/app:v1")
        self.ctr("tag", image + ":multi", f"{REGISTRY}/containerd/multi:v1")
        self.ctr("push", *hosts, "-u", creds, f"{REGISTRY}/containerd/multi:v1")
        self.ctr("rm", f"{REGISTRY}/containerd/app:v1")
        self.ctr("pull", *hosts, "-u", creds, f"{REGISTRY}/containerd/app:v1")
