"""Blob stores on disks of their own: one that is taken away costs what lies on it and nothing else, and works again when
it is back; one that is full is full alone."""
import os, subprocess, tempfile, unittest
from cove import Cove, add_digest, sha256


class BlobStores(unittest.TestCase):
    def setUp(self):
        self.base = tempfile.mkdtemp(prefix="cove-disks-")
        self.disk, self.point, self.small = (os.path.join(self.base, n) for n in ("disk", "point", "small"))
        for path in (self.disk, self.point, self.small):
            os.mkdir(path)
        # a missing right to mount is a failure of the run, not a skip
        self.plug_in()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", self.small], check=True)
        self.cove = Cove(data=os.path.join(self.base, "data")).start() if os.mkdir(os.path.join(self.base, "data")) is None else None
        for name, path in (("usb", self.point), ("small", self.small)):
            self.cove.command("blob-store", "add", name, path)
            self.cove.command("namespace", "create", name, "hosted", f"blob_store={name}")

    def tearDown(self):
        self.cove.destroy()
        for path in (self.point, self.small):
            subprocess.run(["umount", "-l", path], stderr=subprocess.DEVNULL)
        subprocess.run(["rm", "-rf", self.base], check=True)

    def plug_in(self):
        subprocess.run(["mount", "--bind", self.disk, self.point], check=True)

    def test_taken_away(self):
        c = self.cove.client("repository:usb/a:pull,push,delete", "repository:b:pull,push")
        blob = os.urandom(300000)
        c.push_image("usb/a", "1", [blob])
        c.push_image("b", "1", [b"of the data directory"])
        self.assertTrue(os.path.exists(os.path.join(self.disk, "blobs/sha256", sha256(blob)[7:9], sha256(blob)[7:])))
        # an idle server keeps no disk busy
        subprocess.run(["umount", self.point], check=True)
        self.assertIn(f"is missing at {self.point}: mount its disk", self.cove.command("blob-store", "list"))
        for restarted in (False, True):
            if restarted:
                self.assertEqual(self.cove.stop(), 0)
                self.cove.start()
                c = self.cove.client("repository:usb/a:pull,push,delete", "repository:b:pull,push")
            self.assertEqual(c.request("GET", "/v2/usb/a/blobs/" + sha256(blob)).status, 500)
            self.assertEqual(c.request("POST", "/v2/usb/a/blobs/uploads/").status, 500)
            self.assertEqual(c.request("GET", "/v2/usb/a/manifests/1").status, 200)
            self.assertEqual(c.request("GET", "/v2/b/blobs/" + sha256(b"of the data directory")).status, 200)
            c.push_image("b", "2", [os.urandom(1000)])
            self.assertIn(f"the blob store usb is missing at {self.point}: mount its disk", self.cove.read_log())
        self.assertEqual(os.listdir(self.point), [])
        self.plug_in()
        self.assertEqual(c.request("GET", "/v2/usb/a/blobs/" + sha256(blob)).body, blob)
        c.push_image("usb/a", "2", [os.urandom(1000)])
        self.assertEqual(self.cove.stop(), 0)

    def test_full(self):
        c = self.cove.client("repository:small/a:pull,push", "repository:b:pull,push")
        digest, manifest = c.push_image("small/a", "before", [os.urandom(100000)])
        data = os.urandom(4 << 20)
        location = c.request("POST", "/v2/small/a/blobs/uploads/")["Location"]
        r = c.request("PUT", add_digest(location, sha256(data)), data)
        self.assertEqual(r.status, 507, r.body)
        c = self.cove.client("repository:small/a:pull,push", "repository:b:pull,push")
        self.assertEqual(c.request("GET", "/v2/small/a/manifests/before").body, manifest)
        self.assertEqual(c.push_blob("b", data), sha256(data))
        self.assertEqual(c.request("DELETE", location).status, 404)  # its bytes were given back at once
        c.push_image("small/a", "after", [os.urandom(1000)])
        self.assertEqual(self.cove.stop(), 0)

    def test_removed(self):
        c = self.cove.client("repository:usb/a:pull,push,delete")
        self.assertIn("uses the blob store", self.cove.command("blob-store", "remove", "usb", status=2))
        digest = c.push_blob("usb/a", b"xyz")
        self.cove.command("namespace", "change", "usb", "blob_store=")
        self.assertIn("usb still holds 1 blobs", self.cove.command("blob-store", "remove", "usb", status=2))
        # what is there stays readable, what is new goes elsewhere
        self.assertEqual(c.request("GET", "/v2/usb/a/blobs/" + digest).body, b"xyz")
        new = c.push_blob("usb/a", b"new")
        self.assertTrue(os.path.exists(os.path.join(self.cove.data, "blobs/sha256", new[7:9], new[7:])))
        self.assertEqual(self.cove.stop(), 0)
