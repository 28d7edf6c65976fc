"""end-8, end-12 and Docker's catalog."""
from cove import Case, OCI_INDEX, Client, descriptor, OCI_IMAGE, image, sha256

NAME = "list/app"


class Lists(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        c = cls.cove.client(f"repository:{NAME}:pull,push")
        cls.tags = sorted(["v1", "v10", "v2", "V1", "_x", "a.b", "latest", "0"])
        for tag in cls.tags:
            cls.digest, cls.data = c.push_image(NAME, tag)
        for name in ("zoo", "alpha/one", "alpha-two"):
            cls.cove.client(f"repository:{name}:pull,push").push_image(name, "x")

    def setUp(self):
        self.c = self.cove.client(f"repository:{NAME}:pull,push", "registry:catalog:*")

    def pages(self, url, member):
        entries = []
        while url:
            r = self.c.request("GET", url)
            self.assertEqual(r.status, 200)
            entries += r.json()[member]
            url = r["Link"][1:r["Link"].index(">")] if r["Link"] else None
            if url:
                self.assertIn('rel="next"', r["Link"])
        return entries

    def test_all_tags_in_order(self):
        r = self.c.request("GET", f"/v2/{NAME}/tags/list")
        self.assertEqual(r.json(), {"name": NAME, "tags": self.tags})

    def test_pages(self):
        for n in (1, 2, 3, 7, 8, 9, 1000000):
            self.assertEqual(self.pages(f"/v2/{NAME}/tags/list?n={n}", "tags"), self.tags)
        self.assertEqual(self.c.request("GET", f"/v2/{NAME}/tags/list?n=0").json()["tags"], [])
        self.assertEqual(self.c.request("GET", f"/v2/{NAME}/tags/list?last=v10").json()["tags"], ["v2"])
        for bad in ("-1", "x", "99999999999999999999", ""):
            self.assertEqual(self.c.request("GET", f"/v2/{NAME}/tags/list?n={bad}").status, 400, bad)

    def test_unknown_repository(self):
        r = self.cove.client("repository:no:pull").request("GET", "/v2/no/tags/list")
        self.assertEqual((r.status, r.code()), (404, "NAME_UNKNOWN"))

    def test_catalog(self):
        names = sorted([NAME, "zoo", "alpha/one", "alpha-two"])
        self.assertEqual([n for n in self.pages("/v2/_catalog", "repositories") if n in names], names)
        self.assertEqual([n for n in self.pages("/v2/_catalog?n=1", "repositories") if n in names], names)

    def test_catalog_is_filtered(self):
        self.cove.command("user", "add", "alpha", "--grant", "alpha/**:pull", stdin=b"alpha-password\n")
        c = self.cove.client("registry:catalog:*", user="alpha", password="alpha-password")
        self.assertEqual(c.request("GET", "/v2/_catalog").json(), {"repositories": ["alpha/one"]})
        self.assertIn('scope="registry:catalog:*"', Client(self.cove).request("GET", "/v2/_catalog")["WWW-Authenticate"])

    def test_referrers(self):
        r = self.c.request("GET", f"/v2/{NAME}/referrers/{sha256(b'nobody')}")
        self.assertEqual((r.status, r["Content-Type"]), (200, OCI_INDEX))
        self.assertEqual((r.json()["manifests"], r.json()["schemaVersion"]), ([], 2))
        r = self.cove.client("repository:never:pull").request("GET", f"/v2/never/referrers/{sha256(b'x')}")
        self.assertEqual(r.status, 200)
        subject = descriptor(OCI_IMAGE, self.digest, len(self.data))
        for kind in ("application/sbom", "application/signature"):
            m = image([sha256(b"layer")], [5], subject=subject, artifactType=kind, annotations={"kind": kind})
            r, data = self.c.push_manifest(NAME, "ref-" + kind[12:], m)
            self.assertEqual((r.status, r["OCI-Subject"]), (201, self.digest), r.body)
        r = self.c.request("GET", f"/v2/{NAME}/referrers/{self.digest}")
        self.assertEqual([m["artifactType"] for m in r.json()["manifests"]], ["application/sbom", "application/signature"])
        r = self.c.request("GET", f"/v2/{NAME}/referrers/{self.digest}?artifactType=application/signature")
        self.assertEqual(r["OCI-Filters-Applied"], "artifactType")
        self.assertEqual(r.json()["manifests"], [descriptor(OCI_IMAGE, sha256(data), len(data),
                         artifactType="application/signature", annotations={"kind": "application/signature"})])
