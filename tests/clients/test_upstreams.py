"""
Real clients behind a proxy of upstreams that are not like Debian's docker-registry: one tells no lengths, one leads to
another registry that wants a token of its own (as lscr.io), one fails with one image while others are asked for.
"""
import json, os, subprocess, sys
from lab import REGISTRY, ClientCase

# On the server's host. Reads a layout; `app` is served as it says, until stdin ends.
SERVE = """
import json, sys
sys.path.insert(0, sys.argv[1])
from upstream import Upstream, sha256
layout, up, other = sys.argv[2], Upstream(), Upstream(auth="bearer")
read = lambda digest: open(f"{layout}/blobs/sha256/{digest[7:]}", "rb").read()
digest = next(m["digest"] for m in json.load(open(layout + "/index.json"))["manifests"]
              if m["annotations"]["org.opencontainers.image.ref.name"] == "app")
manifest = json.loads(read(digest))
blobs = [d["digest"] for d in (manifest["config"], *manifest["layers"])]
for server, name in ((up, "chunked"), (other, "lib/led"), (up, "whole")):
    for blob in blobs:
        server.add_blob(name, read(blob))
    server.add_manifest(name, "1", read(digest), manifest["mediaType"])
up.behave(kind="blob", name="chunked", no_length=True)
up.behave(name="broken", status=500)
for kind, reference in [("manifest", "1"), ("manifest", digest), *(("blob", b) for b in blobs)]:
    up.behave(kind=kind, name="led", reference=reference, redirect=f"{other.url}/v2/lib/led/{kind}s/{reference}")
print(json.dumps({"url": up.url, "ca": up.ca_pem + other.ca_pem}), flush=True)
sys.stdin.read()
"""


class Upstreams(ClientCase):
    tools = ("skopeo", "podman", "docker", "dockerd", "containerd", "ctr")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        lab = cls.lab
        support = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support")
        cls.process = subprocess.Popen([*lab.inside(), sys.executable, "-c", SERVE, support, cls.layout],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        cls.up = json.loads(cls.process.stdout.readline())
        lab.server.command("user", "grant", "anonymous", "*/**", "pull")
        with open(lab.path("auth.json"), "w") as f:  # podman wants the file that it is told of
            f.write("{}")
        lab.trust("containers/certs.d"), lab.trust("docker/certs.d"), lab.trust("containerd/certs.d")

    @classmethod
    def tearDownClass(cls):
        cls.process.stdin.close()
        cls.process.wait(20)
        cls.process.stdout.close()
        cls.lab.server.command("user", "revoke", "anonymous", "*/**")

    def pulls(self, pull):
        """Each with an empty cache, so that what the client gets is on its way from the upstream."""
        for name in ("chunked", "led", "whole"):
            with self.subTest(name=name):
                self.lab.server.command("namespace", "create", "far", "proxy", "upstream=" + self.up["url"], "ca=" + self.up["ca"])
                try:
                    self.lab.client("skopeo", "inspect", "--no-tags", f"docker://{REGISTRY}/far/broken:1", status=1)
                    pull(f"{REGISTRY}/far/{name}:1")
                finally:
                    self.lab.server.command("namespace", "remove", "far", "--purge")

    def test_skopeo(self):
        self.pulls(lambda image: self.assertEqual(
            json.loads(self.lab.client("skopeo", "copy", "docker://" + image, "dir:" + self.lab.path("far-" + image.split("/")[2])) and
                       self.lab.client("skopeo", "inspect", "--no-tags", "docker://" + image))["Digest"], self.app))

    def test_podman(self):
        def pull(image):
            p = lambda *a: self.lab.client("podman", "--root", self.lab.path("far-podman"), "--runroot", self.lab.path("far-podman-run"),
                                           "--storage-driver", "vfs", *a)
            p("pull", image)
            self.assertIn(self.app, p("image", "inspect", image))
            p("rmi", "-f", image)
        self.pulls(pull)

    def test_docker(self):
        daemon, socket = self.lab.dockerd("far-docker")
        d = lambda *a: self.lab.client("/usr/bin/docker", "-H", socket, *a, DOCKER_CONFIG=self.lab.path("far-docker-config"))

        def pull(image):
            self.assertIn(self.app, d("pull", image))
            d("rmi", image)
        self.pulls(pull)
        daemon.terminate()
        daemon.wait(60)

    def test_containerd(self):
        daemon, address = self.lab.containerd("far-containerd")
        c = lambda *a: self.lab.client("ctr", "-a", address, *a)

        def pull(image):
            c("images", "pull", "--hosts-dir", "/etc/containerd/certs.d", image)
            self.assertIn(self.app, c("images", "ls"))
            c("images", "rm", "--sync", image)
            c("content", "prune", "references")
        self.pulls(pull)
        daemon.terminate()
        daemon.wait(60)
