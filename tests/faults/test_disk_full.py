"""A full disk, or a limit of file sizes: pushes get a sentence that says so, pulls go on, and with room again all goes on by itself."""
import os, resource, subprocess, tempfile, unittest, urllib.parse
from cove import Case, Client, Cove, add_digest, eventually, sha256


def run(*command):
    subprocess.run(command, check=True, capture_output=True)


class SmallDisk(unittest.TestCase):
    """An ext4 of 48 MB with nothing on it but cove's data; and no cove.yaml."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="cove-small-")
        self.mount, image = os.path.join(self.folder, "mount"), os.path.join(self.folder, "image")
        os.mkdir(self.mount)
        with open(image, "wb") as f:
            f.truncate(48 << 20)
        run("mkfs.ext4", "-q", image)
        run("mount", "-o", "loop", image, self.mount)
        self.data = os.path.join(self.mount, "data")
        os.mkdir(self.data)
        self.cove = Cove(data=self.data)
        self.cove.start()
        self.password = self.cove.password

    def tearDown(self):
        self.cove.destroy()
        run("umount", "-l", self.mount)
        run("rm", "-rf", self.folder)

    def client(self):
        return self.cove.client("repository:a:pull,push,delete")

    def login(self):
        """What `docker login` asks for."""
        query = urllib.parse.urlencode({"service": "cove", "offline_token": "true", "client_id": "docker"})
        return Client(self.cove).request("GET", "/token?" + query, headers={"Authorization": self.cove.basic()})

    def unfinished(self):
        return os.listdir(os.path.join(self.data, "uploads"))

    def fill(self):
        """Another program takes all of the disk, to the last block."""
        with open(os.path.join(self.mount, "filler"), "wb", buffering=0) as f:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while True:
                        f.write(b"\0" * size)
                        os.fsync(f.fileno())
                except OSError:
                    pass

    def free(self):
        os.unlink(os.path.join(self.mount, "filler"))

    def restart(self):
        self.assertEqual(self.cove.stop(), 0)
        self.cove.start()
        self.cove.password = self.password

    def test_a_push_larger_than_the_disk(self):
        c = self.client()
        digest, manifest = c.push_image("a", "before", [os.urandom(500000)])
        c.push_blob("a", os.urandom(1 << 20) * 20)
        data = os.urandom(1 << 20) * 22  # more than is left, but the rest of it is read before the answer must be seen
        for chunked in (False, True):
            location = c.request("POST", "/v2/a/blobs/uploads/")["Location"]
            r = c.request("PUT", add_digest(location, sha256(data)), data, chunked=chunked)
            self.assertEqual(r.status, 507, r.body)
            self.assertIn("full", r.message())
            # at once its bytes are free again: the next small push, a login and a deletion go through
            self.assertEqual(self.unfinished(), [])
            c.push_image("a", f"small{chunked}", [os.urandom(1000)])
            self.assertEqual(self.login().status, 200)
            self.assertEqual(c.request("DELETE", f"/v2/a/manifests/small{chunked}").status, 202)
        self.restart()
        self.assertEqual(self.client().request("GET", f"/v2/a/manifests/{digest}").body, manifest)
        # in pieces that fit alone
        location = self.client().request("POST", "/v2/a/blobs/uploads/")["Location"]
        c = self.client()
        statuses = [c.request("PATCH", location, data[:8 << 20]).status for _ in range(8)]
        self.assertIn(507, statuses)
        self.assertEqual(statuses[0], 202)
        self.assertEqual(self.unfinished(), [])
        self.assertEqual(self.cove.stop(), 0)

    def test_what_is_deleted_makes_room(self):
        """blob_grace, a day, does not keep what a push that was refused needs."""
        c = self.client()
        c.push_image("a", "old", [os.urandom(1 << 20) * 20])
        data = os.urandom(1 << 20) * 16
        push = lambda: c.request("PUT", add_digest(c.request("POST", "/v2/b/blobs/uploads/")["Location"], sha256(data)), data).status
        c = self.cove.client("repository:b:pull,push")
        self.assertEqual(push(), 507)
        self.cove.command("repository", "remove", "a")
        eventually(lambda: push() == 201, "the push that was refused")
        self.assertEqual(self.cove.stop(), 0)

    def test_another_program_fills_the_disk(self):
        c = self.client()
        layer = os.urandom(500000)
        digest, manifest = c.push_image("a", "before", [layer])
        c.push_image("a", "goes", [b"goes"])
        self.fill()
        self.assertEqual(c.request("GET", "/v2/a/manifests/before").body, manifest)
        self.assertEqual(c.request("GET", "/v2/a/blobs/" + sha256(layer)).body, layer)
        self.assertEqual(self.login().status, 200)
        self.assertEqual(self.client().request("DELETE", "/v2/a/manifests/goes").status, 202)
        location = c.request("POST", "/v2/a/blobs/uploads/")["Location"]
        if location:
            self.assertEqual(c.request("PUT", add_digest(location, sha256(b"x" * 1000)), b"x" * 1000).status, 507)
        self.restart()
        c = self.client()
        self.assertEqual(c.request("GET", "/v2/a/manifests/before").body, manifest)
        self.assertEqual(c.request("GET", "/v2/a/blobs/" + sha256(layer)).body, layer)
        self.assertEqual(c.request("GET", "/v2/a/manifests/goes").status, 404)
        self.free()
        c.push_image("a", "after", [b"x" * 1000])
        self.assertEqual(self.cove.stop(), 0)

    def test_a_start_without_a_byte(self):
        """As an earlier version has left it: a partial upload took all, and there is no reserve."""
        c = self.client()
        digest, manifest = c.push_image("a", "before", [b"layer"])
        location = c.request("POST", "/v2/a/blobs/uploads/")["Location"]
        self.assertEqual(c.request("PATCH", location, os.urandom(8 << 20)).status, 202)
        self.cove.kill()
        os.unlink(os.path.join(self.data, "cove.db-reserve"))
        self.fill()
        self.cove.start()
        self.cove.password = self.password
        c = self.client()
        self.assertEqual(c.request("GET", "/v2/a/manifests/before").body, manifest)
        self.assertEqual(self.login().status, 200)
        self.free()
        c.push_image("a", "after", [b"x" * 1000])
        self.assertEqual(self.cove.stop(), 0)

    def test_a_login_that_cannot_be_kept(self):
        """Not even the reserve is there: who has a password gets a token, and pulls."""
        c = self.client()
        digest, manifest = c.push_image("a", "before", [b"layer"])
        self.fill()
        os.unlink(os.path.join(self.data, "cove.db-reserve"))
        self.fill()
        r = self.login()
        self.assertEqual(r.status, 200, r.body)
        self.assertIn("token", r.json())
        self.assertEqual(self.client().request("GET", "/v2/a/manifests/before").body, manifest)
        self.assertEqual(self.cove.stop(), 0)


class DiskFull(unittest.TestCase):
    def setUp(self):
        self.mount = tempfile.mkdtemp(prefix="cove-small-")
        # a missing right to mount is a failure of the run, not a skip
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", self.mount], check=True)
        self.cove = Cove(data=os.path.join(self.mount, "data")) if os.mkdir(os.path.join(self.mount, "data")) is None else None
        self.cove.start()

    def tearDown(self):
        self.cove.destroy()
        subprocess.run(["umount", "-l", self.mount], check=True)
        os.rmdir(self.mount)

    def test_full(self):
        c = self.cove.client("repository:a:pull,push,delete")
        digest, manifest = c.push_image("a", "before", [os.urandom(500000)])
        filler = os.path.join(self.mount, "filler")
        with open(filler, "wb") as f:
            try:
                while True:
                    f.write(b"\0" * (1 << 20))
                    f.flush()
            except OSError:
                pass
        with open(filler, "ab") as f:
            size = os.path.getsize(filler)
            os.truncate(filler, max(size - (1 << 20), 0))  # one MiB left: enough to begin, not to end
        data = os.urandom(8 << 20)
        r = c.request("POST", "/v2/a/blobs/uploads/")
        if r.status == 202:
            location = r["Location"]
            r = c.request("PUT", add_digest(location, sha256(data)), data)
        self.assertEqual(r.status, 507, r.body)
        self.assertIn("full", r.message())
        self.assertEqual(c.request("GET", "/v2/a/manifests/before").body, manifest)
        self.assertEqual(c.request("HEAD", "/v2/a/blobs/" + sha256(data)).status, 404)
        os.unlink(filler)
        self.assertEqual(c.push_blob("a", data), sha256(data))
        self.assertEqual(self.cove.stop(), 0)


class FileSizeLimit(Case):
    """`ulimit -f`: the kernel sends SIGXFSZ to who writes past it, which by default kills."""

    def limit(self, size):
        resource.prlimit(self.cove.process.pid, resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

    def test_blobs(self):
        c = self.cove.client("repository:a:pull,push")
        self.limit(1 << 20)
        large = os.urandom(1 << 21)
        for chunked in (False, True):
            location = c.request("POST", "/v2/a/blobs/uploads/")["Location"]
            r = c.request("PUT", add_digest(location, sha256(large)), large, chunked=chunked)
            self.assertEqual(r.status, 507, r.body)
            self.assertIn("ulimit -f", r.message())
        exact = os.urandom(1 << 20)
        self.assertEqual(c.push_blob("a", exact), sha256(exact))
        self.assertEqual(c.request("GET", "/v2/a/blobs/" + sha256(exact)).body, exact)
        self.limit(resource.RLIM_INFINITY)
        self.assertEqual(c.push_blob("a", large), sha256(large))

    def test_database(self):
        """The write-ahead log is the file that hits the limit first."""
        c = self.cove.client("repository:b:pull,push")
        digest = c.push_blob("b", b"here")
        self.limit(os.path.getsize(os.path.join(self.cove.data, "cove.db-wal")) + 4096)
        statuses = set()
        for i in range(200):
            r = c.request("POST", f"/v2/b/blobs/uploads/?digest={sha256(b'%d' % i)}", b"%d" % i)
            statuses.add(r.status)
            if r.status != 201:
                self.assertEqual(r.status, 507, r.body)
        self.assertIn(507, statuses)
        self.assertEqual(c.request("GET", "/v2/b/blobs/" + digest).body, b"here")
        self.limit(resource.RLIM_INFINITY)
        self.assertEqual(c.push_blob("b", b"again"), sha256(b"again"))
