"""Web pages of other origins: what a browser asks and what it must be told (Fetch standard, "CORS protocol")."""
from cove import Case, Client, OCI_IMAGE

NAME = "team/app"
UI, OTHER = "https://ui.example:8080", "https://evil.example"
FIELDS = ("Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Allow-Methods", "Access-Control-Allow-Headers",
          "Access-Control-Expose-Headers")


class Asked(Case):
    def preflight(self, origin, target, method="GET"):
        return Client(self.cove).request("OPTIONS", target, headers={
            "Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": "authorization,accept"})

    def told(self, r):
        return [name for name in FIELDS if r[name]]


class Off(Asked):
    """By default: nothing is said, whoever asks."""

    def test_nothing_is_said(self):
        for r in (self.preflight(UI, f"/v2/{NAME}/manifests/v1"), Client(self.cove).request("GET", "/v2/", headers={"Origin": UI})):
            self.assertEqual((self.told(r), r["Vary"]), ([], None))


class Named(Asked):
    flags = ("--cors-origins", f"http://localhost:3000, {UI}")

    def test_preflight(self):
        """Without credentials, since browsers send none with it; the methods of that very path."""
        for method, target in (("GET", "/v2/"), ("GET", "/v2/_catalog"), ("DELETE", f"/v2/{NAME}/manifests/v1"), ("GET", "/token?service=cove"),
                               ("PUT", f"/v2/{NAME}/manifests/v1"), ("GET", f"/v2/team%2Fapp/tags/list")):
            r = self.preflight(UI, target, method)
            self.assertEqual((r.status, r["Access-Control-Allow-Origin"], r["Access-Control-Allow-Credentials"], r["Vary"]), (204, UI, "true", "Origin"))
            self.assertIn(method, r["Access-Control-Allow-Methods"].split(", "))
            self.assertIn("authorization", r["Access-Control-Allow-Headers"].lower().split(", "))
            self.assertTrue(int(r["Access-Control-Max-Age"]))

    def test_a_page_at_work(self):
        """As a registry browser in a web page does it: asked for credentials, token, catalog, tags, manifest, delete."""
        self.cove.client(f"repository:{NAME}:pull,push").push_image(NAME, "v1")
        c = Client(self.cove)
        r = c.request("GET", "/v2/", headers={"Origin": UI})
        self.assertEqual((r.status, r["Access-Control-Allow-Origin"]), (401, UI))  # also with a failure, or the page sees none
        self.assertIn("WWW-Authenticate", r["Access-Control-Expose-Headers"].split(", "))
        r = c.request("GET", f"/token?service=cove&scope=repository:{NAME}:pull,delete&scope=registry:catalog:*",
                      headers={"Origin": UI, "Authorization": self.cove.basic()})
        self.assertEqual((r.status, r["Access-Control-Allow-Origin"]), (200, UI))
        c.auth = "Bearer " + r.json()["token"]
        for method, target, status in (("GET", "/v2/_catalog", 200), ("GET", f"/v2/{NAME}/tags/list", 200), ("HEAD", f"/v2/{NAME}/manifests/v1", 200),
                                       ("GET", f"/v2/{NAME}/manifests/none", 404), ("DELETE", f"/v2/{NAME}/manifests/v1", 202)):
            r = c.request(method, target, headers={"Origin": UI, "Accept": OCI_IMAGE})
            self.assertEqual((r.status, r["Access-Control-Allow-Origin"], r.all("Vary")), (status, UI, ["Origin"]), target)
            self.assertIn("Docker-Content-Digest", r["Access-Control-Expose-Headers"])

    def test_others(self):
        """An origin is compared as a whole; what comes from elsewhere is answered, but no page may read it."""
        for origin in (OTHER, UI + ".evil.example", "https://ui.example", "http://ui.example:8080", "null", UI.upper(), UI + "/", "*", "", f"{UI}, {OTHER}"):
            r = self.preflight(origin, f"/v2/{NAME}/manifests/v1")
            self.assertEqual((r.status, self.told(r), r["Vary"]), (204, [], "Origin"), origin)
            r = Client(self.cove).request("GET", "/v2/", headers={"Origin": origin})
            self.assertEqual((r.status, self.told(r)), (401, []), origin)
        self.assertEqual(self.told(Client(self.cove).request("GET", "/v2/")), [])

    def test_management_stays_closed(self):
        for target in ("/api/v1/me", "/api/v1/users", "/", "/ca.crt", "/livez", "/%61pi/v1/me"):
            for r in (self.preflight(UI, target), Client(self.cove).request("GET", target, headers={"Origin": UI, "Authorization": self.cove.basic()})):
                self.assertEqual(self.told(r), [], target)


class Any(Asked):
    flags = ("--cors-origins", f"*,{UI}")

    def test_never_with_credentials(self):
        """"the value * [...] cannot be used with credentials": only who is named gets them."""
        r = self.preflight(OTHER, "/v2/")
        self.assertEqual((r["Access-Control-Allow-Origin"], r["Access-Control-Allow-Credentials"]), ("*", None))
        r = self.preflight(UI, "/v2/")
        self.assertEqual((r["Access-Control-Allow-Origin"], r["Access-Control-Allow-Credentials"]), (UI, "true"))

    def test_what_is_no_origin(self):
        for bad in ("ui.example", "https://", "https://ui.example/", "https://UI.example", "https://a b", "https://a,,", "null", "ftp://a", "**", "https://a?b"):
            self.assertIn("origin", self.cove.command("config", "--cors-origins", bad, status=2))
