"""Groups: which pushes hide an upstream's repository, and which do not; what refers to an upstream's image is found beside it."""
import json
import cove
from cove import Case, sha256
from upstream import OCI_IMAGE, Upstream


class Walls(Case):
    """`all` has the hosted `own`, to which pushes go, and `mirror`, a proxy of a registry with lib/app:v1."""

    def setUp(self):
        self.up = Upstream()
        self.addCleanup(self.up.close)
        self.subject, self.bytes = self.up.add_image("lib/app", "v1")
        c = self.cove.command
        c("namespace", "create", "mirror", "proxy", f"upstream={self.up.url}", f"ca={self.up.ca_pem}")
        c("namespace", "create", "own", "hosted")
        c("namespace", "create", "all", "group", "members=own mirror", "writable=own")
        for name in ("mirror", "own", "all"):
            self.addCleanup(c, "namespace", "remove", name, "--purge")

    def client(self, name="all/lib/app", actions="pull,push"):
        return self.cove.client(f"repository:{name}:{actions}")

    def get(self, path, name="all/lib/app"):
        return self.client(name).request("GET", f"/v2/{name}/{path}")

    def attach(self, reference=None, name="all/lib/app", **more):
        """A manifest that refers to the upstream's image, under its digest or a tag."""
        c = self.client(name)
        empty = c.push_blob(name, b"{}")
        manifest = json.dumps({
            "schemaVersion": 2, "mediaType": OCI_IMAGE, "artifactType": "application/x-test",
            "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": empty, "size": 2},
            "layers": [{"mediaType": "application/vnd.oci.empty.v1+json", "digest": empty, "size": 2}],
            "subject": {"mediaType": OCI_IMAGE, "digest": self.subject, "size": len(self.bytes)}, **more}).encode()
        r, data = c.push_manifest(name, reference or sha256(manifest), manifest)
        self.assertEqual(r.status, 201, r.body)
        return sha256(manifest), r

    def assert_open(self):
        r = self.get("manifests/v1")
        self.assertEqual((r.status, r.body), (200, self.bytes))
        self.assertIn("v1", self.get("tags/list").json()["tags"])

    def assert_walled(self):
        self.assertEqual(self.get("manifests/v1").status, 404)
        self.assertNotIn("v1", self.get("tags/list").json()["tags"])

    def test_what_refers_to_an_image_does_not_hide_it(self):
        digest, r = self.attach()
        self.assertEqual(r["OCI-Subject"], self.subject)
        self.assert_open()
        self.attach("sha256-" + self.subject[7:] + ".sig", annotations={"a": "1"})
        self.attach("sha256-" + self.subject[7:], annotations={"a": "2"})
        self.attach("sha512-" + 64 * "0" + ".att", annotations={"a": "3"})
        self.assert_open()
        self.assertEqual(self.get("manifests/" + digest).status, 200)
        self.assertEqual(self.get(f"manifests/sha256-{self.subject[7:]}.sig").status, 200)
        self.assertEqual(self.get("tags/list", "own/lib/app").status, 200)

    def test_referrers_of_both(self):
        theirs, _ = self.up.add_image("lib/app", None, [b"signature"], artifactType="application/x-theirs", subject={
            "mediaType": OCI_IMAGE, "digest": self.subject, "size": len(self.bytes)})
        ours, _ = self.attach()
        listed = [m["digest"] for m in self.get("referrers/" + self.subject).json()["manifests"]]
        self.assertEqual(sorted(listed), sorted([ours, theirs]))

    def test_a_push_of_what_the_upstream_refuses_to_tell(self):
        """Docker Hub refuses what it has not got; containerd and others push only after a 404."""
        for status, name in ((401, "all/new/app"), (403, "all/new/other")):
            self.up.behave(name=name[4:], status=status)
            for reference in ("manifests/1", "manifests/" + sha256(b"new")):
                for actions, told in (("pull,push", 404), ("pull", 403)):
                    self.assertEqual(self.client(name, actions).request("HEAD", f"/v2/{name}/{reference}").status, told)
                r = self.get(reference, name)
                self.assertEqual(r.status, 403)
                self.assertIn("refuse", r.json()["errors"][0]["message"])
            c = self.client(name)
            manifest = cove.image([], [], c.push_blob(name, cove.CONFIG))
            self.assertEqual(c.push_manifest(name, "1", manifest)[0].status, 201)
            self.assertEqual(c.request("HEAD", f"/v2/{name}/manifests/1").status, 200)
            self.assertEqual(self.get("manifests/1", name).status, 200)

    def test_a_push_that_broke_off_does_not_hide(self):
        self.client().push_blob("all/lib/app", b"the first of many layers")
        self.assert_open()
        manifest = cove.image([], [], self.client().push_blob("all/lib/app", cove.CONFIG))
        self.assertEqual(self.client().push_manifest("all/lib/app", sha256(json.dumps(manifest).encode()), manifest)[0].status, 201)
        self.assert_open()

    def test_tags_hide(self):
        for tag in ("a", "sha256", "sha256.x", "sha384-x", "sha512", "sha512.x", "z"):
            with self.subTest(tag=tag):
                name = "own/lib/app"
                c = self.client(name, "pull,push,delete")
                digest, _ = c.push_image(name, tag, [tag.encode()])
                self.attach("sha256-" + self.subject[7:])
                self.assert_walled()
                self.assertEqual(c.request("DELETE", f"/v2/{name}/manifests/{tag}").status, 202)
                self.assert_open()

    def test_who_is_hidden_is_told_by_whom(self):
        self.client("own/lib/app").push_image("own/lib/app", "mine", [b"mine"])
        for path, code in (("manifests/v1", "MANIFEST_UNKNOWN"), ("blobs/" + sha256(b"layer"), "BLOB_UNKNOWN")):
            r = self.get(path)
            self.assertEqual((r.status, r.code()), (404, code))
            for part in ("own/lib/app", self.up.url, "cove repository remove", "fall_through=true", "group all"):
                self.assertIn(part, r.message())
        self.cove.command("namespace", "change", "all", "fall_through=true")
        self.assertEqual(self.get("manifests/v1").body, self.bytes)
