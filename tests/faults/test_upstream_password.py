"""Passwords of upstreams: as long as the clouds make them, in a file that is written anew, with the end that they tell."""
import base64, json, os, secrets, tempfile, time
from cove import Client
from proxied import Proxied


def ecr(expires):
    """As AWS makes them."""
    return base64.b64encode(json.dumps({"payload": secrets.token_urlsafe(1300), "datakey": "AQEB", "version": "2", "type": "DATA_KEY",
                                        "expiration": expires}).encode()).decode()


def web_token(expires):
    part = lambda o: base64.urlsafe_b64encode(json.dumps(o).encode()).rstrip(b"=").decode()
    return f"{part({'alg': 'RS256'})}.{part({'exp': expires, 'aud': 'x' * 3000})}.{secrets.token_urlsafe(256)}"


class Passwords(Proxied):
    auth, user = "bearer", "me:first"
    attributes = ("username=me", "negative=0s")

    def password(self, text, status=0):
        return self.cove.command("namespace", "password", "m", stdin=text if isinstance(text, bytes) else text.encode(), status=status)

    def api(self, method, target, body=None):
        c = Client(self.cove)
        c.auth = self.cove.basic()
        return c.request(method, "/api/v1/" + target, json.dumps(body).encode() if body is not None else None, {"Content-Type": "application/json"})

    def pull(self):
        """A tag that nobody has pulled yet."""
        tag = "t" + secrets.token_hex(4)
        self.up.add_image("a", tag)
        self.up.tokens.clear()
        return self.get("manifests/" + tag)

    def accept(self, password):
        self.up.user = "me:" + password

    def test_long_ones(self):
        key = json.dumps({"type": "service_account", "private_key": "-----BEGIN PRIVATE KEY-----\n" + "x" * 1700 + "\n"}, indent=2)
        for auth in ("bearer", "basic"):
            self.up.auth = auth
            for text in ("short", "y" * 1025, key, "z" * 16384):  # Google's keys have lines
                with self.subTest(auth=auth, length=len(text)):
                    self.accept(text)
                    self.password(text + "\n")
                    self.assertEqual(self.pull().status, 200)
                    self.password("wrong")
                    self.assertEqual(self.pull().status, 403)
                    self.assertEqual(self.api("PUT", "namespaces/m/password", {"password": text}).status, 204)
                    self.assertEqual(self.pull().status, 200)
        self.assertIn("16384 bytes", self.password("z" * 16385, status=2))
        self.assertIn("NUL", self.password(b"a\0b", status=2))
        self.assertIn("the password is empty", self.password("", status=2))
        self.assertEqual(self.api("PUT", "namespaces/m/password", {"password": "z" * 16385}).status, 400)
        self.assertEqual(self.pull().status, 200)  # as before
        log = self.cove.read_log()
        self.assertNotIn("zzzz", log)
        self.assertNotIn("service_account", log + self.cove.command("audit"))

    def make_file(self, text):
        directory = tempfile.mkdtemp(dir=self.cove.data)
        path = directory + "/password"
        with open(path, "w") as f:
            f.write(text)
        return path

    def test_a_file_that_is_written_anew(self):
        path = self.make_file("first\n")
        self.cove.command("namespace", "change", "m", "password_file=" + path)
        self.assertEqual(self.pull().status, 200)
        self.accept("second")
        self.assertEqual(self.pull().status, 403)
        with open(path, "w") as f:
            f.write("second")
        self.assertEqual(self.pull().status, 200)
        _, kept = self.up.add_image("a", "kept")
        self.cove.command("namespace", "change", "m", "fresh=0s")
        self.assertEqual(self.get("manifests/kept").body, kept)
        for spoil in (lambda: os.unlink(path), lambda: os.mkfifo(path), lambda: (os.unlink(path), os.mkdir(path)),
                      lambda: (os.rmdir(path), open(path, "w").close()), lambda: os.truncate(path, 20000)):
            spoil()
            self.up.tokens.clear()
            r = self.pull()
            self.assertEqual((r.status, r.code()), (403, "DENIED"))
            self.assertIn(path, r.message())
            self.assertEqual(self.get("manifests/kept").body, kept)
            self.assertIn("cannot be read", self.cove.command("namespace", "show", "m"))
        self.cove.command("namespace", "change", "m", "password_file=")
        self.password("second\n")
        self.assertEqual(self.pull().status, 200)

    def test_when_it_ends_is_shown(self):
        for make in (ecr, web_token):
            at = int(time.time()) + 43200
            for expires, text in ((at, make(at)), (1530647893, make(1530647893))):
                shown = time.strftime("%Y-%m-%d %H:%M", time.gmtime(expires))
                self.password(text + "\n")
                self.assertRegex(self.cove.command("namespace", "show", "m"), f"password +set, expires at {shown}")
                self.assertEqual(self.api("GET", "namespaces/m").json()["password_expires_at"], expires)
                self.cove.command("namespace", "change", "m", "password_file=" + self.make_file(text))
                self.password("other\n")
                self.assertRegex(self.cove.command("namespace", "show", "m"), f"password +set, expires at {shown}")
                self.cove.command("namespace", "change", "m", "password_file=")
        for text in ("plain", "YWJj", "a.b.c", ecr(-1), ecr("soon"), base64.b64encode(b"[1]").decode()):
            self.password(text + "\n")
            self.assertRegex(self.cove.command("namespace", "show", "m"), r"(?m)^password +set$")
            self.assertNotIn("password_expires_at", self.api("GET", "namespaces/m").json())

    def test_no_file_is_set_over_the_network(self):
        path = self.make_file("first\n")
        r = self.api("PATCH", "namespaces/m", {"attributes": {"password_file": path}})
        self.assertEqual(r.status, 403)
        self.assertIn("cove namespace change", r.message())
        r = self.api("POST", "namespaces", {"name": "n", "kind": "proxy", "attributes": {"upstream": "https://a.example", "password_file": path}})
        self.assertEqual(r.status, 403)
        self.assertEqual(self.api("GET", "namespaces/n").status, 404)
        self.assertIn("must begin with /", self.cove.command("namespace", "change", "m", "password_file=relative", status=2))
        # nor sent to another upstream than the one that it was set for
        self.cove.command("namespace", "change", "m", "password_file=" + path)
        self.assertEqual(self.api("PATCH", "namespaces/m", {"attributes": {"upstream": "https://evil.example"}}).json()["attributes"]["password_file"], "")
        self.cove.command("namespace", "change", "m", "password_file=" + path, "upstream=" + self.up.url)
        self.assertEqual(self.pull().status, 200)
