"""What fails at an upstream is spared for a while, and nothing else is: one content, or the upstream when it is gone or limits."""
import email.utils, json, os, time
from cove import Case, Cove, free_port, sha256
from proxied import Proxied
from upstream import Upstream


class OneContent(Proxied):
    attributes = ("fresh=0s", "negative=0s")

    def setUp(self):
        super().setUp()
        self.images = {}
        for name in ("good", "bad", *(f"g{i}" for i in range(40))):
            self.images[name] = self.up.add_image(name, "v1", [name.encode() * 1000])[1]

    def works(self, name):
        r = self.get("manifests/v1", "m/" + name)
        self.assertEqual((r.status, r.body), (200, self.images[name]), name)
        self.assertEqual(self.blob(name.encode() * 1000, "m/" + name).body, name.encode() * 1000)

    def test_a_repository_that_is_polled(self):
        """Whoever asks for the broken one over and over keeps nobody from the others, and asks the upstream ever less often."""
        left = iter(f"g{i}" for i in range(40))
        for status in (500, 502, 503, 504):
            with self.subTest(status=status):
                self.cove.command("namespace", "change", "m", f"negative={status}s")
                self.up.settle(), self.up.forget()
                self.up.behave(name="bad", status=status)
                for _ in range(8):
                    r = self.get("manifests/v1", "m/bad")
                    self.assertEqual((r.status, int(r["Retry-After"]) >= 1), (502, True))
                    self.works(next(left))
                self.assertLess(self.up.count(name="bad"), 6)
                # one of them may have been the turn to ask the upstream again
                messages = [self.get("manifests/v1", "m/bad").message() for _ in range(2)]
                self.assertRegex(" ".join(messages), "cove asks again in [0-9]+ s")
        self.assertIs(self.reachable(), True)
        self.up.settle()
        self.cove.command("namespace", "change", "m", "negative=1s")
        self.works("bad")

    def test_a_blob(self):
        data = os.urandom(2000)
        self.up.add_blob("bad", data), self.up.add_blob("good", data)
        for rule in ({"status": 503}, {"close": True}, {"redirect": f"https://127.0.0.1:{free_port()}/x"},
                     {"redirect": f"https://name.invalid/x"}, {"redirect": "cdn"}):
            with self.subTest(**rule):
                self.cove.command("namespace", "change", "m", f"negative={len(str(rule))}s")
                self.up.settle()
                self.up.behave(kind="cdn", status=500)
                self.up.behave(kind="blob", name="bad", **rule)
                for method in ("HEAD", "GET", "GET"):
                    r = self.get("blobs/" + sha256(data), "m/bad", method)
                    self.assertIn(r.status, (502, 504))
                    self.assertGreaterEqual(int(r["Retry-After"]), 1)
                self.works("good")
        self.assertEqual(self.blob(data, "m/good").body, data)  # of one repository: the same content elsewhere is had

    def test_a_limit_elsewhere(self):
        self.up.behave(kind="blob", name="bad", redirect="cdn")
        self.up.behave(kind="cdn", status=429, fields={"Retry-After": "600"})
        r = self.blob(b"bad" * 1000, "m/bad")
        self.assertEqual((r.status, r["Retry-After"]), (429, "600"))
        self.works("good")


class AllOfIt(Proxied):
    attributes = ("fresh=0s", "negative=0s")

    def setUp(self):
        super().setUp()
        for name in ("good", "a", "b", "c", "d", "e"):
            self.up.add_image(name, "v1")

    def answers(self, *names):
        return [self.get("manifests/v1", "m/" + name).status for name in names]

    def test_no_connection(self):
        self.up.vanish()
        r = self.get("manifests/v1", "m/a")
        self.assertEqual(r.status, 504)
        self.assertRegex(r["Retry-After"], "[1-9]")
        r = self.get("manifests/v1", "m/good")
        self.assertEqual(r.status, 504)
        self.assertIn("cove asks again in", r.message())

    def test_several_repositories(self):
        """However many of them fail, and whoever asks for them all the time: who is healthy is had at the first try."""
        for i, rule in enumerate(({"status": 503}, {"close": True})):
            with self.subTest(**rule):
                self.cove.command("namespace", "change", "m", f"negative={i + 1}s")
                self.up.settle()
                bad, good = [f"bad{n}-{i}" for n in range(8)], [f"good{n}-{i}" for n in range(6)]
                for name in bad + good:
                    self.up.add_image(name, "v1")
                for name in bad:
                    self.up.behave(name=name, **rule)
                self.answers(*bad)
                self.assertIs(self.reachable(), False)
                for n, name in enumerate(good):
                    for other in bad:  # each time content that has not failed yet
                        self.assertIn(self.get(f"manifests/t{n}", "m/" + other).status, (502, 504))
                    self.assertEqual(self.answers(name), [200])
                    self.assertIs(self.reachable(), True)
                self.up.settle()

    def test_a_success_between(self):
        self.up.behave(name="a", status=500), self.up.behave(name="b", status=500), self.up.behave(name="c", status=500)
        self.answers("a", "b")
        self.assertEqual(self.answers("good"), [200])
        self.assertEqual(self.answers("c", "d", "e"), [502, 200, 200])


class RetryAfter(Proxied):
    attributes = ("fresh=0s", "negative=0s")

    def told(self, value, status=429, **more):
        self.told_before = getattr(self, "told_before", 0) + 1
        self.cove.command("namespace", "change", "m", f"negative={self.told_before}s")
        self.up.settle()
        self.up.behave(status=status, fields={"Retry-After": value} if value else {}, body="{}")
        first, second = self.get("manifests/v1"), self.get("manifests/v1")
        for r in (first, second):
            self.assertEqual(r.status, 429 if status == 429 else 502)
        self.assertLessEqual(int(second["Retry-After"]), int(first["Retry-After"]) + 1)
        return int(first["Retry-After"])

    def test_seconds_and_dates(self):
        now = time.time()
        for status in (429, 503):
            self.assertEqual(self.told("77", status), 77)
            for form in (email.utils.formatdate(now + 200, usegmt=True), time.strftime("%A, %d-%b-%y %H:%M:%S GMT", time.gmtime(now + 200)),
                         time.asctime(time.gmtime(now + 200))):
                with self.subTest(status=status, form=form):
                    self.assertIn(self.told(form, status), range(100, 202))
        self.assertEqual(self.told("99999999"), 6 * 3600)
        for nothing in (None, "soon", "-5", "0", email.utils.formatdate(now - 1000, usegmt=True), "9" * 40):
            self.assertEqual(self.told(nothing), 60)

    def test_of_a_token_service(self):
        self.up.auth, self.up.anonymous = "bearer", True
        self.up.behave(kind="token", status=429, fields={"Retry-After": "33"})
        r = self.get("manifests/v1")
        self.assertEqual((r.status, r["Retry-After"]), (429, "33"))


class Cascade(Case):
    """An edge in front of a centre in front of a registry."""

    def test_what_the_centre_cannot_pass_on(self):
        up, edge = Upstream(), Cove().start()
        for end in (up.close, edge.destroy, edge.stop):
            self.addCleanup(end)
        with open(self.cove.ca) as f:
            ca = f.read()
        self.cove.command("user", "grant", "anonymous", "**", "pull")
        self.cove.command("namespace", "create", "centre", "proxy", f"upstream={up.url}", f"ca={up.ca_pem}")
        edge.command("namespace", "create", "edge", "proxy", f"upstream=https://127.0.0.1:{self.cove.port}/centre", f"ca={ca}")
        old = json.dumps({"schemaVersion": 1, "name": "old", "tag": "v1", "architecture": "amd64", "fsLayers": [], "history": []})
        for name in ("old1", "old2"):
            up.behave(kind="manifest", name=name, status=200, body=old,
                      fields={"Content-Type": "application/vnd.docker.distribution.manifest.v1+json"})
        images = {f"g{i}": up.add_image(f"g{i}", "v1")[1] for i in range(6)}
        for name, image in images.items():
            for broken in ("old1", "old2"):
                r = edge.client(f"repository:edge/{broken}:pull").request("GET", f"/v2/edge/{broken}/manifests/v1")
                self.assertEqual(r.status, 502)
            self.assertEqual(edge.client(f"repository:edge/{name}:pull").request("GET", f"/v2/edge/{name}/manifests/v1").body, image)
