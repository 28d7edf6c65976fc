"""What an upstream's word is good for, and where it may lead: nobody gets through it what it could not send itself."""
import ctypes, os, subprocess
from cove import sha256
from proxied import Proxied
from upstream import Upstream


class OnItsWord(Proxied):
    """An upstream that says of any blob that it has it, and cannot send one byte of it."""
    attributes = ("fresh=0s", "negative=0s")

    def push(self, name, data):
        c = self.cove.client(f"repository:{name}:pull,push")
        r = c.request("POST", f"/v2/{name}/blobs/uploads/?digest={sha256(data)}", data,
                      {"Content-Type": "application/octet-stream"})
        self.assertEqual(r.status, 201, r.body)

    def lie(self, data, upstream=None):
        (upstream or self.up).behave(kind="blob", method="HEAD", status=200,
                                     fields={"Content-Type": "application/octet-stream"}, body="x" * len(data))

    def not_given(self, data, *names):
        for name in names:
            for method in ("GET", "HEAD", "GET"):
                r = self.get("blobs/" + sha256(data), name, method)
                if method == "GET":
                    self.assertEqual(r.status, 404, (name, r.body))
                self.assertNotIn(data, r.body)

    def test_a_private_blob_of_this_registry(self):
        self.cove.command("namespace", "create", "private", "hosted")
        self.addCleanup(self.cove.command, "namespace", "remove", "private", "--purge")
        secrets = [os.urandom(2000), os.urandom(100000)]
        self.push("private/app", secrets[0]), self.push("rooted/app", secrets[1])
        for data in secrets:
            self.lie(data)
            self.not_given(data, "m/a", "m/private/app")
            self.assertEqual(self.up.count(kind="blob", method="GET", name="a") > 0, True)

    def test_through_a_group(self):
        self.cove.command("namespace", "create", "private", "hosted")
        self.addCleanup(self.cove.command, "namespace", "remove", "private", "--purge")
        self.cove.command("namespace", "create", "g", "group", "members=m")
        self.addCleanup(self.cove.command, "namespace", "remove", "g")
        data = os.urandom(2000)
        self.push("private/app", data)
        self.lie(data)
        self.not_given(data, "g/a", "g/private/app")

    def test_what_another_proxy_keeps(self):
        data = os.urandom(2000)
        with Upstream() as liar:
            self.up.add_blob("a", data)
            self.assertEqual(self.blob(data).body, data)
            self.cove.command("namespace", "create", "n", "proxy", f"upstream={liar.url}", f"ca={liar.ca_pem}", "negative=0s")
            self.addCleanup(self.cove.command, "namespace", "remove", "n", "--purge")
            self.lie(data, liar)
            self.not_given(data, "n/a", "n/b")
            liar.settle()
            liar.add_blob("c", data)  # who can send it is believed
            self.assertEqual(self.blob(data, "n/c").body, data)

    def test_what_an_earlier_upstream_sent(self):
        data = os.urandom(2000)
        with Upstream() as liar:
            self.up.add_blob("a", data)
            self.assertEqual(self.blob(data).body, data)
            self.cove.command("namespace", "change", "m", f"upstream={liar.url}", f"ca={liar.ca_pem}")
            self.lie(data, liar)
            self.not_given(data, "m/b", "m/c")
            self.assertEqual(self.blob(data).body, data)  # what the repository had before, it keeps
            liar.settle()
            for name in ("b", "c"):
                liar.add_blob(name, data)
            self.assertEqual(self.blob(data, "m/b").body, data)
            liar.forget()
            self.assertEqual(self.blob(data, "m/c").body, data)  # proven anew: its word does again
            self.assertEqual((liar.count(method="HEAD"), liar.count(method="GET")), (1, 0))

    def test_a_manifest_that_names_it(self):
        data = os.urandom(2000)
        self.push("rooted/app", data)
        self.lie(data)
        self.up.add_manifest("a", "v1", {
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": sha256(data), "size": len(data)},
            "layers": []})
        self.assertEqual(self.get("manifests/v1").status, 200)
        self.not_given(data, "m/a")


class ElsewhereWithItsOwnToken(Proxied):
    """lscr.io redirects to ghcr.io, which wants a token of its own service."""
    auth, user = "none", None
    attributes = ("fresh=0s", "negative=0s")

    def setUp(self):
        super().setUp()
        self.other = Upstream(auth="bearer")
        self.addCleanup(self.other.close)
        self.cove.command("namespace", "change", "m", f"ca={self.up.ca_pem}{self.other.ca_pem}")
        self.layers = [os.urandom(300000), b"small"]
        self.digest, self.manifest = self.other.add_image("lib/a", "v1", self.layers)
        self.lead()

    def lead(self, to=None):
        """All of m/a leads to lib/a of the other one."""
        for kind, reference in (("manifest", "v1"), ("manifest", self.digest),
                                *(("blob", sha256(d)) for d in (*self.layers, self.layers[0][:-1]))):
            path = f"/v2/lib/a/{kind}s/{reference}"
            self.up.behave(kind=kind, name="a", reference=reference, redirect=(to or self.other.url) + path)

    def pull(self):
        r = self.get("manifests/v1")
        self.assertEqual((r.status, r.body), (200, self.manifest))
        for data in self.layers:
            self.assertEqual(self.blob(data).body, data)
            self.assertEqual(self.get("blobs/" + sha256(data), method="HEAD")["Content-Length"], str(len(data)))

    def credentials(self, upstream):
        return [(e["kind"], e["authorization"].split()[0]) for e in upstream.asked() if e["authorization"]]

    def test_the_token_is_for_who_asked(self):
        self.pull()
        self.assertEqual(self.credentials(self.up), [])
        self.assertEqual({c for c in self.credentials(self.other)}, {("manifest", "Bearer"), ("blob", "Bearer")})
        self.assertEqual(self.other.count(kind="token"), 1)  # kept for the repository
        self.assertEqual(self.other.count(kind="manifest", method="GET", authorization=None), 1)
        self.other.forget(), self.up.forget()
        self.other.add_blob("lib/a", self.layers[0][:-1])
        self.assertEqual(self.blob(self.layers[0][:-1]).body, self.layers[0][:-1])
        self.assertEqual((self.up.count(), self.other.count()), (1, 1))  # and sent at once

    def test_the_password_stays_at_home(self):
        self.up.auth, self.up.user = "basic", "me:secret-password"
        self.cove.command("namespace", "change", "m", "username=me")
        self.cove.command("namespace", "password", "m", stdin=b"secret-password\n")
        self.other.anonymous, self.other.realm = True, f"https://localhost:{self.other.port}/token"
        self.pull()
        self.assertEqual({c for c in self.credentials(self.up)}, {("manifest", "Basic"), ("blob", "Basic")})
        self.assertNotIn("Basic", [way for _, way in self.credentials(self.other)])
        for auth in ("basic", "both"):  # who asks for it outright does not get it either
            self.other.auth, self.other.user = auth, "me:secret-password"
            self.other.realm, self.other.anonymous = None, False
            self.cove.command("namespace", "change", "m", f"negative={len(auth)}s")
            self.lead(self.other.url.replace("127.0.0.1", "localhost"))
            self.other.forget()
            self.assertEqual(self.get("manifests/v1").status, 200)  # the copy
            self.assertNotIn("Basic", [way for _, way in self.credentials(self.other)])

    def test_a_token_service_that_is_named_with_a_user(self):
        """`https://ours@theirs/` is theirs."""
        self.up.settle()
        self.up.auth, self.up.user, self.up.anonymous = "bearer", "me:secret-password", False
        self.up.add_image("a", "v1", self.layers)
        self.cove.command("namespace", "change", "m", "username=me")
        self.cove.command("namespace", "password", "m", stdin=b"secret-password\n")
        for user in ("127.0.0.1:x@", "127.0.0.1%3Ax@", "127.0.0.1\\@", "127.0.0.1#@"):
            self.up.realm = f"https://{user}localhost:{self.other.port}/token"
            self.assertIn(self.get("manifests/v1").status, (403, 502, 504), user)
            self.assertEqual(self.credentials(self.other), [], user)

    def test_round_and_round(self):
        self.other.behave(kind="manifest", redirect=self.up.url + "/v2/a/manifests/v1")
        r = self.get("manifests/v1")
        self.assertEqual(r.status, 502)
        self.assertIn("redirects more than 5 times", r.message())
        self.other.settle()
        self.other.tokens.clear()
        self.other.token_s = 0  # no token is ever good
        self.up.forget()
        r = self.get("manifests/" + self.digest)
        self.assertEqual(r.status, 403)
        self.assertLess(self.up.count() + self.other.count(), 10)


LIBC = ctypes.CDLL(None, use_errno=True)
NEW_NETWORK = 0x40000000
PUBLIC, PRIVATE = "203.0.113.7", "192.168.77.7"


class InsideOfTheNetwork(Proxied):
    """An upstream on the Internet, or in the next room, names addresses that it cannot reach itself. In a network of our own."""
    attributes = ("fresh=0s", "negative=0s")
    upstream = {"tls": False, "address": PUBLIC}

    @classmethod
    def setUpClass(cls):
        cls.before = os.open("/proc/self/ns/net", os.O_RDONLY)
        assert LIBC.unshare(NEW_NETWORK) == 0, os.strerror(ctypes.get_errno())
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            for address in (PUBLIC, "203.0.113.8", PRIVATE, "192.168.77.8", "169.254.169.254", "fd00::7", "100.64.0.7"):
                subprocess.run(["ip", "addr", "add", address, "dev", "lo"], check=True)
            super().setUpClass()
        except BaseException:
            LIBC.setns(cls.before, NEW_NETWORK)
            raise

    @classmethod
    def tearDownClass(cls):
        try:
            super().tearDownClass()
        finally:
            LIBC.setns(cls.before, NEW_NETWORK)
            os.close(cls.before)

    def setUp(self):
        super().setUp()
        self.page = b"<html>the router's password</html>" * 100
        self.inside = Upstream(tls=False, address="")  # at every address
        self.addCleanup(self.inside.close)
        self.inside.add_blob("x", self.page)
        self.n = 0

    def pull(self, to, way="blob"):
        """A blob of which only its digest and the address are the upstream's; what came of it, and whether it was asked for there."""
        self.n += 1
        data = self.page[:-self.n] or self.page
        self.up.settle(), self.inside.forget()
        self.inside.connections_made = 0
        url = f"http://{to}:{self.inside.port}/v2/x/blobs/{sha256(self.page)}"
        if way == "blob":
            self.up.behave(kind="blob", redirect=url)
        else:
            self.up.behave(kind="blob", status=401, fields={"WWW-Authenticate": f'Bearer realm="{url}",service="s"'})
        r = self.blob(data)
        if data != self.page:
            self.assertNotIn(b"router", r.body)
        return r, self.inside.connections_made

    INSIDE = ["127.0.0.1", "127.9.9.9", "0.0.0.0", "[::1]", "[::]", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0x7f000001",
              "0177.0.0.1", "169.254.169.254", PRIVATE, "[::ffff:192.168.77.7]", "[fd00::7]", "100.64.0.7"]

    def test_nobody_is_led_inside(self):
        for way in ("blob", "token"):
            for to in self.INSIDE:
                with self.subTest(way=way, to=to):
                    r, connections = self.pull(to, way)
                    self.assertEqual(r.status, 502, r.body)
                    self.assertRegex(r.message(), "inside this network|cannot be reached|token service")
                    self.assertEqual(connections, 0)
        self.n = len(self.page) - 1  # the next is the page itself
        r, connections = self.pull("203.0.113.8")  # another one in public
        self.assertEqual((r.status, connections), (200, 1))

    def test_over_a_connection_that_is_open_already(self):
        self.cove.command("namespace", "create", "near", "proxy", f"upstream=http://127.0.0.1:{self.inside.port}")
        self.addCleanup(self.cove.command, "namespace", "remove", "near", "--purge")
        self.assertEqual(self.blob(self.page, "near/x").body, self.page)
        self.pull("127.0.0.1")
        self.assertEqual(self.inside.count(), 0)

    def test_where_the_upstream_is_itself(self):
        """In the same network, and from this machine into its network; not from there to this machine, nor to a cloud's metadata."""
        data = os.urandom(1000)
        self.inside.add_blob("x", data)
        for at, to, may in ((PRIVATE, "192.168.77.8", True), (PRIVATE, "127.0.0.1", False), (PRIVATE, "169.254.169.254", False),
                            ("127.0.0.1", "127.0.0.2", True), ("127.0.0.1", PRIVATE, True), ("127.0.0.1", "169.254.169.254", False)):
            with self.subTest(at=at, to=to), Upstream(tls=False, address=at) as up:
                up.behave(kind="blob", redirect=f"http://{to}:{self.inside.port}/v2/x/blobs/{sha256(data)}")
                self.cove.command("namespace", "create", "n", "proxy", f"upstream={up.url}")
                self.addCleanup(self.cove.command, "namespace", "remove", "n", "--purge")
                self.assertEqual(self.blob(data, "n/a").status, 200 if may else 502)
                self.cove.command("namespace", "remove", "n", "--purge")
                self._cleanups.pop()
