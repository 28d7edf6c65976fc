"""end-1 and the token protocol around it (distribution "Token Authentication"; docs/clients.md, Tokens, by number)."""
import base64, json, urllib.parse
from cove import Case, Client


class Base(Case):
    def test_challenge(self):
        """No credential: 401 with exactly one Bearer challenge, realm on the host that the client used, no scope."""
        r = Client(self.cove).request("GET", "/v2/")
        self.assertEqual(r.status, 401)
        self.assertEqual(r.all("WWW-Authenticate"),
                         [f'Bearer realm="https://127.0.0.1:{self.cove.port}/token",service="cove"'])
        self.assertEqual(r["Docker-Distribution-Api-Version"], "registry/2.0")
        self.assertEqual(r["Content-Type"], "application/json")
        self.assertEqual(r.code(), "UNAUTHORIZED")

    def test_realm_of_foreign_host(self):
        r = Client(self.cove).request("GET", "/v2/", headers={"Host": "evil.example"})
        self.assertNotIn("evil.example", r["WWW-Authenticate"])

    def test_token_without_scope_opens_the_door(self):
        r = self.cove.client().request("GET", "/v2/")
        self.assertEqual((r.status, r.body), (200, b"{}"))

    def test_anonymous_token_is_a_token(self):
        r = self.cove.client(anonymous=True).request("GET", "/v2/")
        self.assertEqual(r.status, 200)

    def test_basic_is_accepted(self):
        r = Client(self.cove).request("GET", "/v2/", headers={"Authorization": self.cove.basic()})
        self.assertEqual(r.status, 200)

    def test_wrong_password(self):
        for target in ("/v2/", "/token?service=cove"):
            r = Client(self.cove).request("GET", target, headers={"Authorization": self.cove.basic(password="wrong-password")})
            self.assertEqual(r.status, 401, target)
            self.assertEqual(r.code(), "UNAUTHORIZED")

    def test_broken_authorization(self):
        for value in ("Bearer", "Bearer x", "Bearer a.b.c", "Basic", "Basic %%%", "Basic YWRtaW4=", "Digest x", "Basic  "):
            r = Client(self.cove).request("GET", "/v2/", headers={"Authorization": value})
            self.assertIn(r.status, (400, 401), value)
            self.assertTrue(r.json()["errors"])

    def test_tampered_token(self):
        token = self.cove.token()
        for bad in (token[:-2], token + "x", token.replace(".", "..", 1), token.split(".")[0] + ".e30." + token.split(".")[2]):
            r = Client(self.cove).request("GET", "/v2/", headers={"Authorization": "Bearer " + bad})
            self.assertEqual(r.status, 401)
            self.assertIn('error="invalid_token"', r["WWW-Authenticate"])

    def test_head(self):
        r = self.cove.client().request("HEAD", "/v2/")
        self.assertEqual((r.status, r["Content-Length"]), (200, "2"))


class Token(Case):
    def post(self, **form):
        return Client(self.cove).request("POST", "/token", urllib.parse.urlencode(form).encode(),
                                         {"Content-Type": "application/x-www-form-urlencoded"})

    def test_get_shape(self):
        r = Client(self.cove).request("GET", "/token?service=cove&scope=repository:a/b:pull,push&account=admin",
                                      headers={"Authorization": self.cove.basic()})
        body = r.json()
        self.assertEqual(body["token"], body["access_token"])
        self.assertGreaterEqual(body["expires_in"], 60)
        self.assertNotIn("issued_at", body)      # rule 5: the client's clock may be wrong
        self.assertNotIn("refresh_token", body)

    def test_no_refresh_token(self):
        """What a client keeps is a password or a key: others that read its file know no identity tokens."""
        for query in ("offline_token=true&client_id=docker", "offline_token=1", "access_type=offline"):
            r = Client(self.cove).request("GET", "/token?service=cove&" + query, headers={"Authorization": self.cove.basic()})
            self.assertEqual((r.status, "refresh_token" in r.json()), (200, False))
        r = self.post(grant_type="password", username="admin", password=self.cove.password, service="cove", access_type="offline")
        self.assertEqual((r.status, "refresh_token" in r.json()), (200, False))
        r = self.post(grant_type="refresh_token", refresh_token="cove_r_x", service="cove", client_id="docker", scope="")
        self.assertEqual((r.status, r.code()), (401, "UNAUTHORIZED"))
        self.assertIn("log in again with `docker login -u NAME`", r.message())

    def test_empty_password(self):
        """As it is sent from a file that has an identity token."""
        for user in ("admin", "nobody"):
            empty = "Basic " + base64.b64encode(f"{user}:".encode()).decode()
            answers = [Client(self.cove).request("GET", target, headers={"Authorization": empty}) for target in ("/v2/", "/token?service=cove", "/api/v1/me")]
            answers.append(self.post(grant_type="password", username=user, password="", service="cove"))
            for r in answers:
                self.assertEqual((r.status, r.code()), (401, "UNAUTHORIZED"))
                self.assertIn("the password is empty: log in again with `docker login -u NAME`, or use a key", r.message())
        r = self.post(grant_type="password", username="", password="", service="cove", scope="repository:a:pull")
        self.assertEqual(r.status, 200)  # nobody, as without credentials

    def test_post_password(self):
        r = self.post(grant_type="password", username="admin", password=self.cove.password, service="cove",
                      client_id="containerd-client", scope="repository:a:pull repository:b:pull,push")
        self.assertEqual(r.status, 200, r.body)
        self.assertIn("scope", r.json())
        self.assertEqual(self.post(grant_type="password", username="admin", password="nope-nope", service="cove").status, 401)

    def test_unknown_grant(self):
        r = self.post(grant_type="client_credentials")
        self.assertEqual((r.status, r.json()["error"]), (400, "unsupported_grant_type"))

    def test_scopes_are_cut_not_refused(self):
        """Fewer rights than asked is no error (token.md)."""
        self.cove.command("user", "add", "reader", "--grant", "team/**:pull", stdin=b"reader-password\n")
        c = self.cove.client("repository:team/app:pull,push", user="reader", password="reader-password")
        r = c.request("GET", "/v2/team/app/tags/list")
        self.assertEqual((r.status, r.code()), (404, "NAME_UNKNOWN"))  # may look: there is nothing
        r = c.request("POST", "/v2/team/app/blobs/uploads/")
        self.assertEqual(r.status, 401)
        self.assertIn('error="insufficient_scope"', r["WWW-Authenticate"])
        self.assertIn('scope="repository:team/app:pull,push"', r["WWW-Authenticate"])
        r = Client(self.cove).request("POST", "/v2/team/app/blobs/uploads/",
                                      headers={"Authorization": self.cove.basic("reader", "reader-password")})
        self.assertEqual((r.status, r.code()), (403, "DENIED"))

    def test_scope_forms(self):
        """Repeated, space-separated, with a class, with a port in the name, unknown types (rule 1)."""
        for query in ("scope=repository:a:pull&scope=repository:b:pull", "scope=repository:a:pull%20repository:b:push",
                      "scope=repository(plugin):a:pull", "scope=repository:host:5000/a:pull", "scope=", "scope=junk",
                      "scope=registry:catalog:*", "scope=repository:a:*", ""):
            r = Client(self.cove).request("GET", "/token?" + query, headers={"Authorization": self.cove.basic()})
            self.assertEqual(r.status, 200, query)

    def many(self, count, form):
        """A token request for that many repositories; the answer."""
        scopes = [f"repository:team/app{i}:pull" for i in range(count)]
        if form == "POST":
            return self.post(grant_type="password", username="admin", password=self.cove.password, service="cove",
                             client_id="x", scope=" ".join(scopes))
        query = ("&".join("scope=" + s for s in scopes) if form == "repeated" else
                 "&".join("scope=" + urllib.parse.quote_plus(s) for s in scopes) if form == "encoded" else
                 "scope=" + "+".join(scopes))
        return Client(self.cove).request("GET", "/token?service=cove&" + query, headers={"Authorization": self.cove.basic()})

    def test_many_scopes(self):
        """As many as the head of a request can ask for, none dropped: regsync sends all of its repositories at once."""
        for form in ("repeated", "encoded", "joined", "POST"):
            for count in (36, 45, 64, 65, 190):
                r = self.many(count, form)
                self.assertEqual(r.status, 200, (form, count, r.body[:200]))
                self.assertLess(len(r.body), 65536)  # go-containerregistry reads no more
                c = Client(self.cove)
                c.auth = "Bearer " + r.json()["token"]
                for i in (0, count // 2, count - 1):
                    r = c.request("GET", f"/v2/team/app{i}/tags/list")
                    self.assertIn(r.status, (200, 404), (form, count, i))  # never insufficient_scope
                r = c.request("GET", f"/v2/team/app{count}/tags/list")
                self.assertEqual(r.status, 401)

    def test_too_many_scopes(self):
        """What no token can carry is told, not cut."""
        for count, form, status in ((260, "encoded", 414), (400, "joined", 414), (400, "POST", 400), (600, "POST", 413)):
            r = self.many(count, form)
            self.assertEqual(r.status, status, (count, form, r.body[:200]))
            self.assertTrue(r.json()["errors"][0]["message"])

    def test_token_is_for_this_service(self):
        """iss and aud are ours, whatever the client takes this registry for, and the token works here."""
        for service in ("other.example", "registry.docker.io", "", "a%20b", "x" * 300):
            r = Client(self.cove).request("GET", f"/token?service={service}", headers={"Authorization": self.cove.basic()})
            self.assertEqual(r.status, 200, r.body)
            payload = r.json()["token"].split(".")[1]
            claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
            self.assertEqual((claims["iss"], claims["aud"]), ("cove", "cove"))
            c = Client(self.cove)
            c.auth = "Bearer " + r.json()["token"]
            self.assertEqual(c.request("GET", "/v2/").status, 200)

    def test_disabled_at_once(self):
        self.cove.command("user", "add", "temp", "--grant", "**:pull", stdin=b"temp-password\n")
        c = self.cove.client("repository:x:pull", user="temp", password="temp-password")
        self.assertEqual(c.request("GET", "/v2/").status, 200)
        self.cove.command("user", "disable", "temp")
        r = c.request("GET", "/v2/")
        self.assertEqual(r.status, 401)

    def test_keys(self):
        self.cove.command("user", "add", "robot", "--grant", "ci/**:pull,push", stdin=b"robot-password\n")
        out = self.cove.command("key", "create", "robot", "--label", "ci", "--expires", "90d")
        key = next(w for w in out.split() if w.startswith("cove_k_"))
        c = self.cove.client("repository:ci/a:pull,push", user="robot", password=key)
        self.assertEqual(c.request("POST", "/v2/ci/a/blobs/uploads/").status, 202)
        listing = json.loads(self.cove.command("key", "list", "robot", "--json"))
        self.assertNotIn(key, json.dumps(listing))
        self.cove.command("key", "revoke", str(listing[0]["id"]))
        self.assertEqual(c.request("POST", "/v2/ci/a/blobs/uploads/").status, 401)
        r = Client(self.cove).request("GET", "/token?service=cove", headers={"Authorization": self.cove.basic("robot", key)})
        self.assertEqual(r.status, 401)

    def test_jwks(self):
        keys = Client(self.cove).request("GET", "/.well-known/jwks.json").json()["keys"]
        self.assertEqual((keys[0]["kty"], keys[0]["crv"]), ("OKP", "Ed25519"))
