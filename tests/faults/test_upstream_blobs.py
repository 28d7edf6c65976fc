"""Blobs of upstreams that do not say everything, or not at once."""
import os
from cove import sha256
from proxied import Proxied


class GetDecides(Proxied):
    """HEAD that is not answered with 200: Harbor's proxy cache says 404 to it until it has the blob."""
    attributes = ("fresh=0s", "negative=1h")

    def test_whatever_head_says(self):
        for status in (400, 401, 403, 404, 405, 500, 502, 503):
            with self.subTest(status=status):
                data = os.urandom(3000 + status)
                for name in ("a", "b", "c"):
                    self.up.add_blob(name, data)
                self.up.settle()
                self.up.behave(kind="blob", method="HEAD", status=status)
                r = self.get("blobs/" + sha256(data), method="HEAD")
                self.assertEqual((r.status, r["Content-Length"]), (200, str(len(data))))
                for name in ("a", "b", "c"):  # of which the namespace has it already, from the second on
                    self.assertEqual(self.blob(data, "m/" + name).body, data)

    def test_absence_is_what_get_says(self):
        data = os.urandom(3000)
        self.up.add_blob("a", data)
        self.assertEqual(self.blob(data).body, data)
        self.up.forget()
        for method in ("HEAD", "GET", "HEAD", "GET"):
            self.assertEqual(self.get("blobs/" + sha256(data), "m/none", method).status, 404)
        self.assertEqual((self.up.count(method="HEAD"), self.up.count(method="GET")), (2, 1))  # and then it is remembered
