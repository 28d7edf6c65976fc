"""What no repository has any more leaves the disk, while the server runs."""
import os
import cove
from cove import Case, Cove, sha256


class Sweep(Case):
    @classmethod
    def setUpClass(cls):
        cls.cove = Cove("--blob-grace", "0s").start()

    def is_there(self, digest):
        return os.path.exists(os.path.join(self.cove.data, "blobs/sha256", digest[7:9], digest[7:]))

    def test_a_deleted_blob_frees_its_room(self):
        c = self.cove.client("repository:a:pull,push,delete", "repository:b:pull,push,delete")
        gone, kept = c.push_blob("a", b"gone"), c.push_blob("a", b"kept")
        self.assertEqual(c.request("POST", f"/v2/b/blobs/uploads/?mount={kept}&from=a").status, 201)
        for digest in (gone, kept):
            self.assertEqual(c.request("DELETE", "/v2/a/blobs/" + digest).status, 202)
        cove.eventually(lambda: not self.is_there(gone), "the file to go")
        self.assertTrue(self.is_there(kept))
        self.assertEqual(c.request("GET", "/v2/b/blobs/" + kept).body, b"kept")
        self.assertEqual(c.push_blob("a", b"gone"), gone)
        self.assertEqual(c.request("GET", "/v2/a/blobs/" + gone).body, b"gone")

    def test_a_purged_namespace_frees_its_room(self):
        self.cove.command("namespace", "create", "team", "hosted")
        c = self.cove.client("repository:team/a:pull,push,delete")
        c.push_image("team/a", "1", [b"of the team"])
        self.cove.command("namespace", "remove", "team", "--purge")
        cove.eventually(lambda: not self.is_there(sha256(b"of the team")), "the file to go")
