"""
Pull, push, content discovery and content management as workflows: what the specification's older conformance program (tag
v1.1.1) goes through, in its order, which differs from that of the newer one (scripts/conformance).
"""
import os
from cove import CONFIG, OCI_IMAGE, OCI_INDEX, Case, add_digest, descriptor, image, index, sha256

NAME, OTHER = "workflow/one", "workflow/two"


class Workflows(Case):
    def setUp(self):
        self.c = self.cove.client(f"repository:{NAME}:pull,push,delete", f"repository:{OTHER}:pull,push,delete")

    def ask(self, status, method, target, *a, **k):
        r = self.c.request(method, target, *a, **k)
        self.assertEqual(r.status, status, (method, target, r.body))
        return r

    def test_chunks_on_an_old_location(self):
        """A chunk sent twice is refused, and the location of before still tells how far the upload is."""
        data = os.urandom(2000)
        first = self.ask(202, "POST", f"/v2/{NAME}/blobs/uploads/")["Location"]
        chunk = {"Content-Type": "application/octet-stream", "Content-Range": "0-999"}
        self.ask(416, "PATCH", first, data[1000:], {**chunk, "Content-Range": "1000-1999"})
        r = self.ask(202, "PATCH", first, data[:1000], chunk)
        self.assertEqual(r["Range"], "0-999")
        self.ask(416, "PATCH", first, data[:1000], chunk)
        status = self.ask(204, "GET", first)
        self.assertEqual(status["Range"], "0-999")
        r = self.ask(202, "PATCH", status["Location"], data[1000:], {**chunk, "Content-Range": "1000-1999"})
        self.assertEqual(r["Range"], "0-1999")
        r = self.ask(201, "PUT", add_digest(r["Location"], sha256(data)))
        self.assertEqual(self.ask(200, "GET", r["Location"]).body, data)

    def test_mounts(self):
        data = os.urandom(500)
        unknown = sha256(b"never pushed")
        self.c.push_blob(NAME, data)
        r = self.ask(202, "POST", f"/v2/{OTHER}/blobs/uploads/?mount={unknown}")
        self.assertTrue(r["Location"].startswith(f"/v2/{OTHER}/blobs/uploads/"))
        r = self.ask(202, "POST", f"/v2/{OTHER}/blobs/uploads/?mount={unknown}&from={NAME}")
        r = self.ask(201, "POST", f"/v2/{OTHER}/blobs/uploads/?mount={sha256(data)}&from={NAME}")
        self.assertEqual(r["Location"], f"/v2/{OTHER}/blobs/{sha256(data)}")
        self.assertEqual(self.ask(200, "GET", r["Location"]).body, data)

    def test_discovery(self):
        """Five referrers: artifacts with and without a config of their own type, and an index; a subject that never came."""
        digest, data = self.c.push_image(NAME, "subject")
        empty = self.c.push_blob(NAME, b"{}")
        subject = descriptor(OCI_IMAGE, digest, len(data))
        missing = descriptor(OCI_IMAGE, sha256(b"never pushed"), 12)
        want = {}
        for number, (kind, config) in enumerate((("application/a", "application/vnd.oci.empty.v1+json"), (None, "application/b"),
                                                 ("application/a", "application/vnd.oci.empty.v1+json"), (None, "application/b"))):
            m = image([sha256(b"layer")], [5], subject=subject, annotations={"number": str(number)})
            m["config"] = descriptor(config, empty, 2)
            if kind:
                m["artifactType"] = kind
            r, data = self.c.push_manifest(NAME, f"referrer-{number}", m)
            self.assertEqual((r.status, r["OCI-Subject"]), (201, digest))
            want[sha256(data)] = (OCI_IMAGE, kind or config, {"number": str(number)})
        r, data = self.c.push_manifest(NAME, "referrer-index", index([], subject=subject, artifactType="application/a", annotations={"number": "9"}))
        self.assertEqual((r.status, r["OCI-Subject"]), (201, digest))
        want[sha256(data)] = (OCI_INDEX, "application/a", {"number": "9"})
        r, lost = self.c.push_manifest(NAME, "referrer-lost", image([sha256(b"layer")], [5], subject=missing))
        self.assertEqual((r.status, r["OCI-Subject"]), (201, missing["digest"]))
        found = self.ask(200, "GET", f"/v2/{NAME}/referrers/{digest}").json()["manifests"]
        self.assertEqual({d["digest"]: (d["mediaType"], d["artifactType"], d["annotations"]) for d in found}, want)
        r = self.ask(200, "GET", f"/v2/{NAME}/referrers/{digest}?artifactType=application/a")
        self.assertEqual((r["OCI-Filters-Applied"], len(r.json()["manifests"])), ("artifactType", 3))
        found = self.ask(200, "GET", f"/v2/{NAME}/referrers/{missing['digest']}").json()["manifests"]
        self.assertEqual([d["digest"] for d in found], [sha256(lost)])

    def test_management(self):
        """Tags, then manifests, then blobs: gone at once; and a blob that a manifest needs is kept."""
        layer = os.urandom(100)
        config = self.c.push_blob(NAME, CONFIG)
        m = image([self.c.push_blob(NAME, layer)], [len(layer)], config)
        for tag in ("managed-1", "managed-2"):
            r, data = self.c.push_manifest(NAME, tag, m)
            self.assertEqual(r.status, 201)
        self.ask(202, "DELETE", f"/v2/{NAME}/manifests/managed-1")
        self.ask(404, "GET", f"/v2/{NAME}/manifests/managed-1")
        self.ask(200, "GET", f"/v2/{NAME}/manifests/managed-2")
        self.assertNotIn("managed-1", self.ask(200, "GET", f"/v2/{NAME}/tags/list").json()["tags"])
        r = self.ask(405, "DELETE", f"/v2/{NAME}/blobs/{sha256(layer)}")
        self.assertEqual(r.code(), "UNSUPPORTED")
        self.ask(202, "DELETE", f"/v2/{NAME}/manifests/{sha256(data)}")
        self.ask(404, "GET", f"/v2/{NAME}/manifests/{sha256(data)}")
        self.ask(404, "GET", f"/v2/{NAME}/manifests/managed-2")
        self.ask(202, "DELETE", f"/v2/{NAME}/blobs/{sha256(layer)}")
        self.ask(404, "GET", f"/v2/{NAME}/blobs/{sha256(layer)}")
        self.ask(404, "DELETE", f"/v2/{NAME}/blobs/{sha256(layer)}")
