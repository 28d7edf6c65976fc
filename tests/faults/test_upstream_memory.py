"""What a proxy remembers of its upstream: for how long, what it says of that, and how it is made to forget."""
import base64, time
from cove import Client, sha256
from proxied import Proxied


class Memory(Proxied):
    auth, user = "bearer", "me:secret-password"
    attributes = ("username=me",)

    def setUp(self):
        super().setUp()
        self.cove.command("namespace", "password", "m", stdin=b"secret-password\n")
        self.cove.command("namespace", "create", "own", "hosted")
        self.cove.command("namespace", "create", "all", "group", "members=own m")
        for name in ("own", "all"):
            self.addCleanup(self.cove.command, "namespace", "remove", name)

    def refresh(self, name):
        """By the API."""
        c = Client(self.cove)
        c.auth = "Basic " + base64.b64encode(b"admin:" + self.cove.password.encode()).decode()
        return c.request("POST", f"/api/v1/namespaces/{name}/refresh").status

    def test_by_default_a_minute_at_most(self):
        self.assertRegex(self.cove.command("namespace", "show", "m"), r"(?m)^negative +(30s|1m)$")

    def test_what_is_not_there_says_since_when_and_until_when(self):
        for name in ("m/a", "all/a"):
            for path, code in (("manifests/none", "MANIFEST_UNKNOWN"), ("manifests/" + sha256(b"no"), "MANIFEST_UNKNOWN"),
                               ("blobs/" + sha256(b"no"), "BLOB_UNKNOWN")):
                for _ in range(2):
                    r = self.get(path, name)
                    self.assertEqual((r.status, r.code()), (404, code))
                    self.assertRegex(r.message(), r"127\.0\.0\.1:\d+ answered \d+ s ago .* cove asks again in [1-6]?\d s, .* refresh m")
        self.assertEqual(self.up.count(kind="manifest"), 3)  # with one challenge
        self.cove.command("namespace", "change", "m", "negative=0s")
        self.up.forget()
        for _ in range(2):
            self.assertEqual(self.get("manifests/none").message(), "manifest unknown to this repository")
        self.assertEqual(self.up.count(kind="manifest"), 3)

    def test_refresh_forgets(self):
        refreshes = ((lambda: self.cove.command("namespace", "refresh", "m")), (lambda: self.cove.command("namespace", "refresh", "all")),
                     (lambda: self.assertEqual(self.refresh("m"), 204)))
        _, kept = self.up.add_image("a", "kept")
        self.assertEqual(self.get("manifests/kept").body, kept)
        for i, refresh in enumerate(refreshes):
            with self.subTest(i=i):
                time.sleep(1.1)  # what is looked at in the second of a refresh is looked at once more
                self.assertEqual(self.get("manifests/kept").body, kept)
                self.assertEqual(self.get(f"manifests/late{i}").status, 404)
                _, late = self.up.add_image("a", f"late{i}", [b"late"])
                _, moved = self.up.add_image("a", "kept", [b"moved%d" % i])
                self.assertEqual(self.get(f"manifests/late{i}").status, 404)
                self.assertEqual(self.get("manifests/kept").body, kept)  # for an hour
                self.up.forget()
                refresh()
                self.assertEqual(self.get(f"manifests/late{i}").body, late)
                self.assertEqual(self.get("manifests/kept").body, moved)
                self.assertEqual(self.up.count(kind="token"), 1)
                kept = moved
        self.assertIn("namespace.refresh", self.cove.command("audit"))
        # an upstream that is back sooner than it is asked again
        self.up.vanish()
        self.assertEqual(self.get("manifests/new").status, 504)
        self.up.come_back()
        _, new = self.up.add_image("a", "new")
        self.cove.command("namespace", "refresh", "m")
        self.assertEqual(self.get("manifests/new").body, new)
        # it keeps its password, and what it keeps is served without the upstream
        self.up.vanish()
        self.cove.command("namespace", "refresh", "m")
        r = self.get("manifests/new")
        self.assertEqual((r.status, r.body), (200, new))
        self.assertIn("this is the cached copy", r["Warning"])

    def test_twice_in_a_second(self):
        for _ in range(3):
            self.assertEqual(self.get("manifests/none").status, 404)
            self.up.forget()
            self.cove.command("namespace", "refresh", "m")
            self.assertEqual(self.get("manifests/none").status, 404)
            self.assertGreaterEqual(self.up.count(kind="manifest"), 1)

    def test_refresh_of_what_has_no_upstream(self):
        self.assertIn("own is neither a proxy namespace nor", self.cove.command("namespace", "refresh", "own", status=2))
        self.assertIn("none is neither a proxy namespace nor", self.cove.command("namespace", "refresh", "none", status=1))
        self.assertEqual(self.refresh("none"), 404)
        self.assertEqual(self.refresh("own"), 400)
