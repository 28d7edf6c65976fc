"""A disk that does not read: it is named as the cause, and with it mended all is there again."""
import os, subprocess, unittest
from cove import BINARY, Cove, sha256
from disk import Disk


class DiskErrors(unittest.TestCase):
    def setUp(self):
        self.disk = Disk(64 << 20)
        self.addCleanup(self.disk.destroy)
        data = os.path.join(self.disk.path, "data")
        os.mkdir(data)
        self.cove = Cove(data=data).start()
        self.addCleanup(self.cove.destroy)
        self.password = self.cove.password
        self.layer = os.urandom(100000)
        self.digest, self.manifest = self.cove.client("repository:a:pull,push").push_image("a", "v1", [self.layer])
        self.assertEqual(self.cove.stop(), 0)

    def command(self, *args):
        done = subprocess.run([BINARY, *args, "--data", self.cove.data], capture_output=True, timeout=120, text=True)
        return done.returncode, done.stdout, done.stderr

    def test_the_database(self):
        self.disk.break_file("data/cove.db")
        for command in (["user", "list"], ["serve", "--listen", "127.0.0.1:0"]):
            status, _, told = self.command(*command)
            self.assertEqual(status, 1)
            self.assertRegex(told, "dmesg|disk")
            self.assertNotIn("is damaged", told)
            self.assertNotIn("move cove.db", told.split("If the error persists")[0])
        self.disk.mend()
        self.cove.start()
        self.cove.password = self.password
        self.assertEqual(self.cove.client("repository:a:pull").request("GET", "/v2/a/manifests/v1").body, self.manifest)
        self.assertEqual(self.cove.stop(), 0)

    def test_a_blob(self):
        digest = sha256(self.layer)
        self.disk.break_file(f"data/blobs/sha256/{digest[7:9]}/{digest[7:]}")
        self.cove.start()
        self.cove.password = self.password
        status, out, told = self.command("check", "--blobs")
        self.assertEqual(status, 1)
        self.assertRegex(out, digest + ": cannot read the file: (Input/output|I/O) error .*\n    a:v1\n")
        self.assertIn("dmesg", told)
        # pushed again it lies elsewhere on the disk
        c = self.cove.client("repository:a:pull,push")
        c.push_blob("a", self.layer)
        self.assertEqual(c.request("GET", "/v2/a/blobs/" + digest).body, self.layer)
        self.assertEqual(self.command("check", "--blobs")[0], 0)
        self.assertEqual(self.cove.stop(), 0)
