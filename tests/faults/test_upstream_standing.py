"""What the owner is told of an upstream that fails or refuses the namespace's credentials, also while nobody pulls."""
import json, re
from cove import eventually
from proxied import Proxied


class Standing(Proxied):
    attributes = ("fresh=0s", "negative=0s")

    def state(self, name="m"):
        return re.search(rf"(?m)^{name} +\S+ +(\S+)", self.cove.command("namespace", "list"))[1]

    def shown(self):
        return next(n for n in json.loads(self.cove.command("namespace", "list", "--json")) if n["name"] == "m")["upstream"]

    def logged(self, event):
        return [line for line in self.cove.read_log().splitlines() if f"{event} namespace=m " in line + " "]

    def test_an_upstream_that_is_gone(self):
        self.up.add_image("a", "v1")
        self.assertEqual(self.get("manifests/v1").status, 200)
        self.assertEqual((self.state(), self.shown()["reachable"]), ("online", True))
        before = [len(self.logged("upstream." + e)) for e in ("fails", "answers")]
        self.up.vanish()
        for tag in ("v1", "v2", "v3"):
            self.get("manifests/" + tag)
        eventually(lambda: self.state() == "failing", "failing in the list")
        upstream = self.shown()
        self.assertFalse(upstream["reachable"])
        self.assertIn("127.0.0.1", upstream["failure"])
        self.assertGreater(upstream["failed_at"], 1e9)
        self.assertRegex(self.cove.command("namespace", "show", "m"), r"(?m)^upstream_failure +.*127\.0\.0\.1.* \(since 20")
        self.assertEqual(self.cove.stop(), 0)
        self.cove.start()
        self.assertEqual(self.state(), "failing")
        self.up.come_back()
        self.assertEqual(self.get("manifests/v1").status, 200)
        eventually(lambda: self.state() == "online", "online in the list")
        self.assertNotIn("upstream_failure", self.cove.command("namespace", "show", "m"))
        after = [len(self.logged("upstream." + e)) for e in ("fails", "answers")]
        self.assertEqual([a - b for a, b in zip(after, before)], [1, 1])
        # what was known of another address does not count for this one
        self.up.vanish()
        self.get("manifests/v9")
        eventually(lambda: self.state() == "failing", "failing in the list")
        self.cove.command("namespace", "change", "m", "upstream=https://localhost:1")
        self.assertEqual(self.state(), "online")


class Refused(Standing):
    test_an_upstream_that_is_gone = None
    auth, user = "bearer", "me:right"
    attributes = ("fresh=0s", "negative=0s", "username=me")

    def test_credentials_that_are_refused(self):
        self.up.add_image("a", "v1")
        for auth in ("bearer", "basic"):
            self.up.auth = auth
            self.cove.command("namespace", "password", "m", stdin=b"right\n")
            self.assertEqual(self.get("manifests/v1").status, 200)
            before = len(self.logged("upstream.denied"))
            self.cove.command("namespace", "password", "m", stdin=f"wrong-{auth}\n".encode())
            for tag in ("v2", "v3", "v4"):
                self.assertEqual(self.get("manifests/" + tag).status, 403)
            lines = self.logged("upstream.denied")[before:]
            self.assertEqual(len(lines), 1)
            self.assertIn("user=me", lines[0])
            self.assertNotIn("wrong-" + auth, self.cove.read_log())

    def test_who_shows_none_has_none_refused(self):
        self.cove.command("namespace", "change", "m", "username=")
        before = self.logged("upstream.denied")
        self.assertEqual(self.get("manifests/v1").status, 403)
        self.assertEqual(self.logged("upstream.denied"), before)
