"""Tokens of a CI's provider as credentials: at the token endpoint, as a Basic password, with keys that are asked for."""
import concurrent.futures, json, os, tempfile, urllib.parse
from cove import Case, Client
from issuer import Issuer


class Oidc(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.directory = tempfile.TemporaryDirectory()
        cls.issuer = Issuer(cls.directory.name)
        for algorithm in ("RS256", "ES256", "EdDSA"):
            cls.issuer.add_key(algorithm, algorithm.lower())
        c = cls.cove
        c.command("issuer", "add", "forge", cls.issuer.url, "--audience", "box", "--ca", cls.issuer.ca)
        c.command("issuer", "rule", "forge", "deploy", "repository=myorg/*", "ref=refs/heads/main", "--role", "developer")
        c.command("issuer", "rule", "forge", "look", "repository=myorg/*")
        c.command("user", "grant", "oidc.look", "team/*", "pull")

    @classmethod
    def tearDownClass(cls):
        cls.issuer.close()
        super().tearDownClass()
        cls.directory.cleanup()

    def token(self, kid="rs256", **claims):
        return self.issuer.token(kid, **{"sub": "repo:myorg/app", "repository": "myorg/app", "ref": "refs/heads/main", **claims})

    def test_every_algorithm_pushes(self):
        for kid in self.issuer.keys:
            client = self.cove.client("repository:team/app:pull,push", user="oidc", password=self.token(kid))
            client.push_image("team/app", kid)
            self.assertEqual(client.request("GET", f"/v2/team/app/manifests/{kid}").status, 200)

    def test_basic(self):
        client = Client(self.cove)
        client.auth = self.cove.basic("anything", self.token())
        self.assertEqual(client.request("GET", "/v2/").status, 200)
        client.push_image("team/basic", "1")

    def test_a_job_that_is_admin_makes_nothing_that_lasts(self):
        self.cove.command("issuer", "rule", "forge", "root", "repository=ops/box", "--role", "admin")
        self.addCleanup(self.cove.command, "issuer", "unrule", "root")
        token = self.token(repository="ops/box")
        c = Client(self.cove)
        c.auth = self.cove.basic("oidc", token)
        self.assertEqual(c.request("GET", "/api/v1/users").status, 200)
        for method, path, body in (("POST", "/users", {"name": "mole", "password": "some-password"}),
                                   ("PUT", "/users/admin/grants", {"pattern": "**", "actions": "admin"}),
                                   ("POST", "/namespaces", {"name": "open", "kind": "group", "attributes": {"members": "team"}}),
                                   ("DELETE", "/issuers/forge/rules/deploy", None)):
            r = c.request(method, "/api/v1" + path, body and json.dumps(body).encode(), {"Content-Type": "application/json"})
            self.assertEqual(r.status, 403, (path, r.body))
            self.assertIn("outlast", r.message())

    def post(self, token, **more):
        form = {"grant_type": "password", "service": "cove", "client_id": "ci", "username": "oidc", "password": token, **more}
        return Client(self.cove).request("POST", "/token", urllib.parse.urlencode(form).encode(),
                                         {"Content-Type": "application/x-www-form-urlencoded"})

    def test_post(self):
        r = self.post(self.token(), scope="repository:team/x:pull,push,delete")
        self.assertEqual((r.status, r.json()["scope"]), (200, "repository:team/x:pull,push"))
        # short-lived credentials do not become lasting ones
        self.assertNotIn("refresh_token", self.post(self.token(), access_type="offline").json())
        r = Client(self.cove).request("GET", "/token?service=cove&offline_token=true",
                                      headers={"Authorization": self.cove.basic("oidc", self.token())})
        self.assertNotIn("refresh_token", r.json())

    def test_rules(self):
        other = self.cove.client("repository:team/app:pull,push", user="oidc", password=self.token(ref="refs/heads/dev"))
        self.assertEqual(other.request("POST", "/v2/team/app/blobs/uploads/").status, 401)
        r = self.post(self.token(repository="evil/app"))
        self.assertEqual(r.status, 401)
        self.assertIn("no rule of the issuer forge matches", r.message())

    def test_refused(self):
        good = self.token()
        for token in (good[:-4] + "AAAA", self.token(audience="other"), self.token(life=-100), self.token(iss="https://127.0.0.1:1"),
                      good.rsplit(".", 1)[0] + ".AA"):
            self.assertEqual(self.post(token).status, 401)
            r = Client(self.cove).request("GET", "/v2/", headers={"Authorization": self.cove.basic("oidc", token)})
            self.assertEqual(r.status, 401)
            self.assertEqual(len(r.all("WWW-Authenticate")), 1)

    def test_disabled(self):
        client = self.cove.client("repository:team/app:pull,push", user="oidc", password=self.token())
        self.cove.command("user", "disable", "oidc.deploy")
        self.assertEqual(client.request("GET", "/v2/").status, 401)
        # nor does the next rule that fits let it in
        r = self.post(self.token())
        self.assertEqual(r.status, 401)
        self.assertIn("disabled", r.message())
        self.cove.command("user", "enable", "oidc.deploy")

    def test_too_long(self):
        """What is longer than a token is a wrong password, and what is longer than a form is not read."""
        self.assertEqual(self.post(self.token(more="x" * 8000)).status, 401)
        self.assertEqual(self.post(self.token(more="x" * 20000)).status, 413)

    def test_audit(self):
        self.post(self.token(sub="repo:myorg/audited", repository="myorg/audited"))
        rows = json.loads(self.cove.command("audit", "--action", "login.oidc", "--json"))
        row = [r for r in rows if r["object"] == "repo:myorg/audited"][0]
        self.assertEqual((row["user"], row["outcome"], row["peer"]), ("oidc.deploy", "done", "127.0.0.1"))
        self.assertIn("repository=myorg/audited", row["detail"])

    def test_list(self):
        issuers = {i["name"]: i for i in json.loads(self.cove.command("issuer", "list", "--json"))}
        rules = issuers["forge"]["rules"]
        self.assertEqual([(r["name"], r["conditions"]) for r in rules],
                         [("deploy", {"repository": "myorg/*", "ref": "refs/heads/main"}), ("look", {"repository": "myorg/*"})])
        self.assertIn("oidc.deploy", self.cove.command("issuer", "list"))


class Keys(Case):
    """Where keys come from: each test has an issuer of its own, which nobody has asked before."""

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.issuer = Issuer(self.directory.name)
        self.addCleanup(self.issuer.close)
        self.issuer.add_key("ES256", "k")

    def add(self, name, *flags):
        self.cove.command("issuer", "add", name, self.issuer.url, "--audience", "box", "--ca", self.issuer.ca, *flags)
        self.cove.command("issuer", "rule", name, name, "sub=job")

    def login(self, kid="k"):
        token = self.issuer.token(kid, sub="job")
        return Client(self.cove).request("GET", "/v2/", headers={"Authorization": self.cove.basic("oidc", token)})

    def test_asked_once_by_many(self):
        self.issuer.slow = 1
        self.add("many")
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            waiting = [pool.submit(self.login) for _ in range(20)]
            # who waits holds no thread: others are served meanwhile
            self.assertEqual(self.cove.client().request("GET", "/v2/").status, 200)
            self.assertEqual({w.result().status for w in waiting}, {200})
        self.assertEqual(self.issuer.requests, ["/.well-known/openid-configuration", "/keys"])

    def test_an_unknown_key_does_not_ask_again_at_once(self):
        self.add("unknown")
        self.assertEqual(self.login().status, 200)
        self.issuer.add_key("ES256", "new")
        for _ in range(5):
            self.assertEqual(self.login("new").status, 401)
        self.assertEqual(len(self.issuer.requests), 2)

    def test_given_url(self):
        self.add("given", "--jwks-url", self.issuer.url + "/keys")
        self.assertEqual(self.login().status, 200)
        self.assertEqual(self.issuer.requests, ["/keys"])

    def test_given_file(self):
        path = os.path.join(self.directory.name, "jwks.json")
        with open(path, "wb") as f:
            f.write(self.issuer.jwks())
        self.add("file", "--jwks", path)
        self.assertEqual(self.login().status, 200)
        self.issuer.add_key("RS256", "k")
        self.assertEqual(self.login().status, 401)
        with open(path, "wb") as f:
            f.write(self.issuer.jwks())
        self.cove.command("issuer", "keys", "file", path)
        self.assertEqual(self.login().status, 200)
        self.assertEqual(self.issuer.requests, [])

    def test_as_a_basic_password_it_counts_for_its_connection(self):
        """For as long as an access token would: a signature with each request of a push would cost a small machine much."""
        path = os.path.join(self.directory.name, "once.json")
        with open(path, "wb") as f:
            f.write(self.issuer.jwks())
        self.add("once", "--jwks", path)
        client, other = Client(self.cove), Client(self.cove)
        client.auth = other.auth = self.cove.basic("oidc", self.issuer.token("k", sub="job"))
        self.assertEqual(client.request("GET", "/v2/").status, 200)
        self.issuer.add_key("RS256", "k")  # under which that token is signed no more
        with open(path, "wb") as f:
            f.write(self.issuer.jwks())
        self.cove.command("issuer", "keys", "once", path)
        self.assertEqual(other.request("GET", "/v2/").status, 401)
        self.assertEqual(client.request("GET", "/v2/").status, 200)
        self.cove.command("user", "disable", "oidc.once")
        self.assertEqual(client.request("GET", "/v2/").status, 401)  # at once

    def test_lies_and_failures(self):
        discovery, other = "/.well-known/openid-configuration", json.dumps({"issuer": "https://evil.test", "jwks_uri": self.issuer.url + "/keys"})
        plain = json.dumps({"issuer": self.issuer.url, "jwks_uri": "http://127.0.0.1:1/keys"})
        for number, (path, answer) in enumerate(((discovery, (200, other.encode())), (discovery, (200, plain.encode())),
                                                 (discovery, (500, b"")), (discovery, (200, b"<html>")), ("/keys", (404, b"")),
                                                 ("/keys", (200, b"{}")), ("/keys", (200, b" " * 70000)))):
            self.issuer.answers = {path: answer}
            name = f"bad{number}"
            self.add(name)
            r = self.login()
            self.assertEqual(r.status, 504, (number, r.body))
            self.assertIn("the keys of the token's issuer", r.message())
            self.assertEqual(self.login().status, 504)
            self.cove.command("issuer", "remove", name)

    def test_untrusted(self):
        self.cove.command("issuer", "add", "untrusted", self.issuer.url, "--audience", "box")
        self.assertEqual(self.login().status, 504)
        self.assertEqual(self.issuer.requests, [])
        self.cove.command("issuer", "remove", "untrusted")
