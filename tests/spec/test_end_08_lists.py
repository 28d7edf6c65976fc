"""end-8, end-12 and Docker's catalog."""
import concurrent.futures, json
import fill
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
        for n in (1, 2, 3, 7, 8, 9, 1000000, 10 ** 19, 10 ** 30):
            self.assertEqual(self.pages(f"/v2/{NAME}/tags/list?n={n}", "tags"), self.tags)
        self.assertEqual(self.c.request("GET", f"/v2/{NAME}/tags/list?n=0").json()["tags"], [])
        self.assertEqual(self.c.request("GET", f"/v2/{NAME}/tags/list?last=v10").json()["tags"], ["v2"])
        for bad in ("-1", "x", "1x" + "0" * 20):
            r = self.c.request("GET", f"/v2/{NAME}/tags/list?n={bad}")
            self.assertEqual((r.status, r.message()), (400, "n must be a whole number, 0 or more"), bad)

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


class Catalog(Case):
    """Among thousands of repositories of others: what one request looks at is bounded."""
    OTHERS = 5000

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for user, grant in (("near", "m/**:pull"), ("far", "**/seen:pull"), ("blind", "none/of/these:pull")):
            cls.cove.command("user", "add", user, "--grant", grant, stdin=b"a-password\n")
        cls.cove.stop()
        fill.repositories(cls.cove.data, [f"{c}/hidden-{i}" for c in "aqz" for i in range(cls.OTHERS)] +
                          ["a/seen", "m/one", "m/two", "z/seen"])
        cls.cove.start()

    def walk(self, user, n=100, password="a-password"):
        c = self.cove.client("registry:catalog:*", user=user, password=password)
        url, entries, pages = f"/v2/_catalog?n={n}", [], 0
        while url:
            r = c.request("GET", url)
            self.assertEqual(r.status, 200)
            self.assertNotIn("hidden", r["Link"] or "")  # a link tells no name that may not be seen
            entries, pages = entries + r.json()["repositories"], pages + 1
            url = r["Link"] and r["Link"][1:r["Link"].index(">")]
        return entries, pages

    def test_where_no_grant_can_match_is_skipped(self):
        self.assertEqual(self.walk("near"), (["m/one", "m/two"], 1))
        self.assertEqual(self.walk("near", 1), (["m/one", "m/two"], 2))
        self.assertEqual(self.walk("blind"), ([], 1))

    def test_a_short_page_has_a_link(self):
        entries, pages = self.walk("far")
        self.assertEqual(entries, ["a/seen", "z/seen"])
        self.assertGreater(pages, 5)

    def costly_key(self):
        """A key with as many patterns as one may have, each as costly to match as one can be; beside them `**/seen`."""
        costly = ("**?" * 85)[:255]
        api = Client(self.cove)
        api.auth = self.cove.basic("far", "a-password")
        grants = [{"pattern": "a*" + costly[len(str(i)) + 2:] + str(i), "actions": "pull"} for i in range(62)]
        body = json.dumps({"grants": grants + [{"pattern": "**/seen", "actions": "pull"}]}).encode()
        r = api.request("POST", "/api/v1/me/keys", body, {"Content-Type": "application/json"})
        self.assertEqual(r.status, 201, r.body)
        return r.json()["key"]

    def test_costly_patterns_make_short_pages(self):
        """What a request reads of patterns is bounded; who has many of them gets the same list in more pages."""
        entries, pages = self.walk("far", password=self.costly_key())
        self.assertEqual(entries, ["a/seen", "z/seen"])
        self.assertGreater(pages, 20)

    def test_pulls_go_on_beside_costly_lists(self):
        key = self.costly_key()
        pull = self.cove.client("repository:lists/app:pull,push")
        pull.push_image("lists/app", "1")
        lists = [self.cove.client("registry:catalog:*", user="far", password=key) for _ in range(16)]
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            asked = [pool.submit(lambda c=c: [c.request("GET", "/v2/_catalog").status for _ in range(4)]) for c in lists]
            pulled = [pull.request("GET", "/v2/lists/app/manifests/1").status for _ in range(50)]
            self.assertEqual(set(pulled), {200})
            self.assertEqual({status for f in asked for status in f.result()}, {200})

    def test_the_link_leads_to_what_is_there(self):
        c = self.cove.client("registry:catalog:*", user="far", password="a-password")
        for after in ("x", "-1", "99999999999999999999", "9999999"):
            r = c.request("GET", "/v2/_catalog?after=" + after)
            self.assertEqual((r.status, "from its start" in r.message()), (400, True), after)
