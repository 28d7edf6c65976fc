"""One path for one thing: what is percent-encoded, doubled slashes, a slash at the end. RFC 3986 §6.2.2, RFC 9110 §4.2.3."""
import re, urllib.parse
from cove import Case, Client, OCI_IMAGE, add_digest, sha256

NAME = "team/app"
SCOPE = f"repository:{NAME}:pull,push,delete"


class Encoded(Case):
    flags = ("--access-log=true",)

    def setUp(self):
        self.c = self.cove.client(SCOPE)

    def test_one_name(self):
        """Portainer encodes a name as a whole, Docker's documentation shows it: it is decoded once, before it is judged."""
        digest, data = self.c.push_image(NAME, "v1")
        for name in ("team%2Fapp", "team%2fapp", "%74eam/app", "team%2F%61pp", "%74%65%61%6D%2F%61%70%70"):
            for reference in ("v1", "v%31", digest, digest.replace(":", "%3A")):
                r = self.c.request("GET", f"/v2/{name}/manifests/{reference}")
                self.assertEqual((r.status, r.body), (200, data), (name, reference))
            self.assertEqual(self.c.request("GET", f"/v2/{name}/tags/list").json(), {"name": NAME, "tags": ["v1"]})
        self.assertEqual(self.c.request("GET", f"/v2/{NAME}%2Fmanifests%2Fv1").body, data)
        self.assertEqual(self.c.request("GET", "/%762/").status, 200)

    def test_push(self):
        r = self.c.request("POST", "/v2/team%2Fapp/blobs/uploads/")
        self.assertEqual(r.status, 202)
        self.assertTrue(r["Location"].startswith(f"/v2/{NAME}/blobs/uploads/"))
        r = self.c.request("PUT", add_digest(r["Location"].replace(NAME, "team%2Fapp"), sha256(b"blob")), b"blob")
        self.assertEqual((r.status, r["Location"]), (201, f"/v2/{NAME}/blobs/{sha256(b'blob')}"))
        self.assertEqual(self.c.request("DELETE", f"/v2/team%2Fapp/blobs/{sha256(b'blob')}").status, 202)

    def test_rights(self):
        """What may be done does not depend on how the name is written, nor does what a client is told."""
        self.c.push_image(NAME, "private")
        self.cove.command("user", "add", "outsider", stdin=b"a long password\n")
        self.cove.command("user", "grant", "outsider", "team*", "pull,push,delete")
        who = {"Authorization": self.cove.basic("outsider", "a long password")}
        for name in (NAME, "team%2Fapp", "team%2fap%70"):
            for method, target in (("GET", "manifests/private"), ("GET", "tags/list"), ("DELETE", "manifests/private"), ("POST", "blobs/uploads/")):
                r = Client(self.cove).request(method, f"/v2/{name}/{target}", headers=who)
                self.assertEqual((r.status, r.code()), (403, "DENIED"), (method, name))
                self.assertIn(NAME, r.message())
            r = Client(self.cove).request("GET", f"/v2/{name}/tags/list")
            self.assertIn(f'scope="repository:{NAME}:pull"', r["WWW-Authenticate"])

    def test_logs(self):
        self.c.request("GET", "/v2/team%2Fapp/tags/list?logged")
        self.c.request("GET", "/v2/team%2Fapp%0Aforged%20line/tags/list")
        log = self.cove.read_log()
        self.assertIn(f"path=/v2/{NAME}/tags/list", log)
        self.assertNotIn("team%2Fapp/tags", log)
        self.assertFalse([line for line in log.splitlines() if line.startswith("forged")])

    def test_what_is_no_name(self):
        """Dots that would lead elsewhere, a NUL, a slash that makes an empty component, and what is encoded twice."""
        for name in ("a%2F..%2Fb", "%2e%2e", "a/%2E%2E/b", "..%2f..%2fetc", ".%2e", "a%00", "a%00b/c", "a%252Fb", "a%252e%252eb", "%252e%252e", "a%25",
                     "a%2F%2Fb", "%2Fa", "a%2F", "a%0Ab", "a%20b", "a%3Fb", "a%23b", "a%5Cb", "A%2Fb", "a%", "a%2", "a%zz", "%C0%AF", "a%2Fb%3A80"):
            for target in (f"/v2/{name}/tags/list", f"/v2/{name}/manifests/x", f"/v2/x/{name}/tags/list"):
                r = Client(self.cove).request("GET", target, headers={"Authorization": self.cove.basic()})
                self.assertIn((r.status, r.code()), ((400, "NAME_INVALID"), (400, "UNSUPPORTED")), target)
        for target in ("/v2/%2e%2e/token", "/v2/..%2Flivez", "/%2e%2e/livez", "/livez%2F", "/%61pi/v1/users/a%2Fb"):
            self.assertEqual(Client(self.cove).request("GET", target).status, 404, target)


class Slashes(Case):
    """docker-registry redirects both; a client with a slash too many in its address then gets on."""

    def setUp(self):
        self.c = self.cove.client(SCOPE)
        self.digest, self.data = self.c.push_image(NAME, "v1")

    def follow(self, method, target, body=None, headers=None):
        r = self.c.request(method, target, body, headers)
        self.assertEqual(r.status, 301 if method in ("GET", "HEAD") else 308, target)
        self.assertRegex(r["Location"], "^/v2(/[^/]|$|[?])")  # within this server
        self.assertNotIn("//", r["Location"])
        return self.c.request(method, r["Location"], body, headers)

    def test_reading(self):
        for target in (f"//v2/{NAME}/manifests/v1", f"/v2//{NAME}/manifests/v1", f"/v2/team//app///manifests//v1", f"/v2/{NAME}/manifests/v1/",
                       f"/v2/{NAME}/manifests/{self.digest}//", "/v2/team%2Fapp//manifests/v1"):
            self.assertEqual(self.follow("GET", target).body, self.data, target)
            self.assertEqual(self.follow("HEAD", target)["Docker-Content-Digest"], self.digest, target)
        self.assertEqual(self.follow("GET", f"/v2/{NAME}/tags/list/?n=1&last=a").json()["tags"], ["v1"])
        self.assertEqual(self.follow("GET", "//v2//").status, 200)
        self.assertEqual(self.follow("GET", "/v2/_catalog/").json()["repositories"], [NAME])

    def test_writing(self):
        """308: a client does the same again, and not a GET in its place (RFC 9110 §15.4.9)."""
        r = self.follow("POST", f"/v2//{NAME}/blobs/uploads/")
        self.assertEqual(r.status, 202)
        self.assertEqual(self.c.request("PUT", add_digest(r["Location"], sha256(b"slash")), b"slash").status, 201)
        self.assertEqual(self.follow("PUT", f"/v2/{NAME}/manifests/v2/", self.data, {"Content-Type": OCI_IMAGE}).status, 201)
        self.assertEqual(self.follow("DELETE", f"/v2/{NAME}//manifests/v2").status, 202)

    def test_leading_nowhere(self):
        for target in ("//", "/v2/x//", "//evil.example/v2/", "//evil.example/", f"/v2/{NAME}//nothing/v1", f"/v2//{NAME}/blobs/uploads/", "/api//v1/me/",
                       "//api/v1/me", "/livez/", "/v2/UPPER//x/tags/list/"):
            r = self.c.request("GET", target)
            self.assertIn(r.status, (400, 404, 405), target)
            self.assertIsNone(r["Location"])

    def test_body_of_a_redirected_push(self):
        """A large body sent to the wrong path: the redirect is seen."""
        r = self.c.request("PUT", f"/v2//{NAME}/manifests/v1", b" " * 3000000, {"Content-Type": OCI_IMAGE})
        self.assertEqual((r.status, r["Location"]), (308, f"/v2/{NAME}/manifests/v1"))
