"""
Each Docker Engine pulls and builds from Docker Hub's names through this box, by what `cove mirror config` says, whether or not
it is logged in to Docker Hub, whose credentials are not ours. There is no way to Docker Hub itself here.
"""
import base64, json, os, time
import engines
from lab import REGISTRY, ClientCase

MIRROR = "reg.test:5031"


class Mirror(ClientCase):
    tools = ("dockerd", "docker", "containerd", "skopeo", "mmdebstrap")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        lab, c = cls.lab, cls.lab.server.command
        cls.upstream = lab.upstream("trust-upstream", cls.layout)
        c("namespace", "create", "hub", "proxy", f"upstream=https://{cls.upstream.address}", "ca=" + cls.upstream.ca, "library=true",
          "upstream_names=docker.io registry-1.docker.io", "listener=https", "port=5031")
        c("user", "grant", "anonymous", "hub/**", "pull")
        cls.settings = json.loads(c("mirror", "config", "docker", "--address", REGISTRY))
        cls.hosts = c("mirror", "config", "containerd", "--address", REGISTRY)
        cls.engines = engines.make(lab)
        time.sleep(3)  # listeners follow within two seconds

    @classmethod
    def tearDownClass(cls):
        cls.upstream.stop()

    def mirrored(self, e, **env):
        """By nobody, and by who is logged in to Docker Hub."""
        e.start(settings=self.settings, **env)
        try:
            config = self.lab.path(e.name, "config-hub")
            os.makedirs(config, exist_ok=True)
            with open(config + "/config.json", "w") as f:
                pair = base64.b64encode(b"someone:hub-password").decode()
                json.dump({"auths": {"https://index.docker.io/v1/": {"auth": pair}}}, f)
            for user in ("nobody", "hub"):
                for tag in ("1", "attested"):
                    e.docker("pull", "busybox:" + tag, user=user)
                    e.docker("rmi", "busybox:" + tag)
                e.build(f"from-hub-{user}", "busybox:1", user=user)
        finally:
            e.stop()

    def each(self, which, do):
        for e, done in engines.side_by_side([e for e in self.engines if which(e)], do):
            with self.subTest(engine=e.name):
                done.result()
                self.assertFalse([r for r in e.machine.requests() if "auth.failed" in r])

    def test_1_certs(self):
        """The CA in certs.d alone; from 28 on, as hosts.toml where the containerd store and BuildKit read it."""
        def do(e):
            e.machine.trust("docker/certs.d", MIRROR, self.lab.ca)
            if e.reads_hosts:
                folder = os.path.join(e.machine.own, "docker/certs.d/docker.io")
                os.makedirs(folder)
                with open(folder + "/hosts.toml", "w") as f:
                    f.write(self.hosts)
                with open(folder + "/cove.crt", "wb") as f:
                    f.write(self.lab.ca)
            self.mirrored(e)
        self.each(lambda e: True, do)

    def test_2_system(self):
        """registry-mirrors alone, with the CA in the system's store when the daemon starts."""
        def do(e):
            e.machine.forget("docker/certs.d")
            self.mirrored(e, SSL_CERT_FILE=self.lab.server.ca)
        self.each(lambda e: e.reads_hosts, do)
