"""A full disk, or a limit of file sizes: pushes get a sentence that says so, pulls go on, and with room again all goes on by itself."""
import os, resource, subprocess, tempfile, unittest
from cove import Case, Client, Cove, add_digest, sha256


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
