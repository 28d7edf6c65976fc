"""podman's partial pulls (zstd:chunked): of a changed image only the files that changed come, by several ranges in one request."""
import os, re
from lab import REGISTRY, ClientCase

IMAGE = f"{REGISTRY}/ranges/app"


class PartialPulls(ClientCase):
    tools = ("podman",)

    def podman(self, place, *a):
        """With storage of its own, on overlay, as podman pulls in part only there."""
        base = self.lab.path("ranges-" + place)
        os.makedirs(base, exist_ok=True)
        settings = os.path.join(base, "storage.conf")
        with open(settings, "w") as f:
            f.write(f'[storage]\ndriver = "overlay"\nrunroot = "{base}/run"\ngraphroot = "{base}/root"\n'
                    '[storage.options]\npull_options = {enable_partial_images = "true", use_hard_links = "false", ostree_repos = ""}\n')
        return self.lab.client("podman", "--cgroup-manager", "cgroupfs", "--events-backend", "file", "--tmpdir", base + "/tmp", *a,
                               CONTAINERS_STORAGE_CONF=settings)

    def write(self, context, numbers):
        for i in numbers:
            with open(os.path.join(context, "files", str(i)), "wb") as f:
                f.write(os.urandom(30000))

    def pulled(self, tag):
        """(status, bytes) of each request for a blob that the pull made."""
        before = len(self.lab.server.read_log())
        self.podman("puller", "pull", f"{IMAGE}:{tag}")
        lines = re.findall(r"method=GET path=/v2/ranges/app/blobs/\S+ status=(\d+) bytes=(\d+)", self.lab.server.read_log()[before:])
        return [(int(status), int(size)) for status, size in lines]

    def test_all(self):
        self.lab.trust("containers/certs.d")
        context = self.lab.path("ranges-context")
        os.makedirs(os.path.join(context, "files"))
        with open(os.path.join(context, "Containerfile"), "w") as f:
            f.write("FROM scratch\nCOPY files /files\n")
        self.podman("pusher", "login", "-u", self.lab.user, "-p", self.lab.password, REGISTRY)
        for tag, numbers in (("v1", range(60)), ("v2", (3, 30, 57))):
            self.write(context, numbers)
            self.podman("pusher", "build", "-t", f"{IMAGE}:{tag}", context)
            self.podman("pusher", "push", "--compression-format", "zstd:chunked", f"{IMAGE}:{tag}")
        self.podman("puller", "login", "-u", self.lab.user, "-p", self.lab.password, REGISTRY)
        self.assertGreater(sum(size for _, size in self.pulled("v1")), 60 * 30000)
        parts = self.pulled("v2")
        self.assertIn(206, [status for status, _ in parts])
        self.assertGreater(sum(size for _, size in parts), 3 * 30000)
        self.assertLess(sum(size for _, size in parts), 6 * 30000)
