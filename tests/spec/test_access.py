"""Who may do what: roles, robots, anonymous, the reasons, and the audit log of changes and refusals."""
import json, signal, subprocess, tempfile, time, unittest
from cove import BINARY, CONFIG, OCI_IMAGE, Case, Client, eventually, sha256


def scope(name, actions="pull,push"):
    return f"repository:{name}:{actions}"


class Access(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.digest, _ = cls.cove.client(scope("team/app")).push_image("team/app", "1")

    def audit(self, *flags):
        return json.loads(self.cove.command("audit", "--json", *flags))

    def pull(self, client, name="team/app"):
        return client.request("GET", f"/v2/{name}/manifests/1").status

    def add_user(self, name, *flags):
        self.cove.command("user", "add", name, *flags, stdin=b"some-password\n")
        return self.cove.client(scope("team/app"), user=name, password="some-password")

    def test_roles(self):
        c = self.cove
        c.command("role", "add", "team", "--grant", "team/**:pull")
        ann = self.add_user("ann", "--role", "team")
        self.assertEqual(self.pull(ann), 200)
        r = ann.request("POST", "/v2/team/app/blobs/uploads/")
        self.assertEqual((r.status, r.code()), (401, "DENIED"))
        self.assertIn("ann has no right to push on team/app: ask", r.message())
        c.command("role", "grant", "team", "team/**", "pull,push")
        # the token does not have it yet, the next one does: the challenge says so
        ann.auth = "Bearer " + c.token(scope("team/app"), user="ann", password="some-password")
        self.assertEqual(ann.request("POST", "/v2/team/app/blobs/uploads/").status, 202)
        self.assertIn("team", c.command("role", "remove", "team", status=2))
        c.command("user", "role", "ann", "team", "--remove")
        self.assertEqual(self.pull(ann), 403)  # at once, whatever the token says
        c.command("role", "remove", "team")
        roles = {r["name"]: r for r in json.loads(c.command("role", "list", "--json"))}
        self.assertEqual(sorted(roles), ["admin", "developer", "reader"])
        self.assertEqual(roles["developer"]["grants"], [{"pattern": "**", "actions": "pull,push"}])
        for name in roles:
            c.command("role", "remove", name, status=2)
        self.assertIn("the role raeder does not exist", c.command("user", "add", "typo", "--robot", "--role", "raeder", status=1))
        self.assertNotIn("typo", [u["name"] for u in json.loads(c.command("user", "list", "--json"))])

    def test_robot(self):
        c = self.cove
        c.command("user", "add", "ci", "--robot", "--role", "developer")
        self.assertIn("robot", c.command("user", "passwd", "ci", stdin=b"some-password\n", status=2))
        key = c.command("key", "create", "ci", "--grant", "team/*:pull", "--expires", "1d").strip()
        robot = c.client(scope("team/app"), user="ci", password=key)
        self.assertEqual(self.pull(robot), 200)
        r = robot.request("POST", "/v2/team/app/blobs/uploads/")
        self.assertEqual((r.status, r.message()), (401, "this key has no right to push on team/app, but its user ci has: "
                                                        "use a key that has a grant for it"))
        self.assertIn("the grants of the key 1 do not allow it", c.command("can", "ci", "push", "team/app", "--key", "1", status=1))
        kinds = {u["name"]: u["kind"] for u in json.loads(c.command("user", "list", "--json"))}
        self.assertEqual(kinds["ci"], "robot")

    def test_anonymous(self):
        c = self.cove
        nobody = Client(c)
        self.assertEqual(self.pull(nobody), 401)
        c.command("user", "role", "anonymous", "reader")
        self.addCleanup(subprocess.run, [BINARY, "user", "role", "anonymous", "reader", "--remove", "--data", c.data], capture_output=True)
        self.assertEqual(self.pull(nobody), 200)
        self.assertEqual(nobody.request("HEAD", "/v2/team/app/manifests/1").status, 200)
        # what clients ask before they push is asked by somebody, else containerd learns at its PUT that it needs a token, and hangs
        r = nobody.request("HEAD", "/v2/team/app/blobs/" + sha256(CONFIG))
        self.assertEqual(r.status, 401)
        self.assertIn('scope="repository:team/app:pull"', r["WWW-Authenticate"])
        token = c.token(scope("team/app", "pull"), anonymous=True)
        self.assertEqual(nobody.request("GET", "/v2/team/app/manifests/1", headers={"Authorization": "Bearer " + token}).status, 200)
        c.command("user", "role", "anonymous", "admin", status=2)
        c.command("user", "role", "anonymous", "reader", "--remove")
        self.assertEqual(self.pull(nobody), 401)

    def test_can(self):
        c = self.cove
        self.add_user("dan", "--grant", "team/*:pull")
        self.assertIn("yes: dan may pull team/app\npull by the grant team/* of dan", c.command("can", "dan", "pull", "team/app"))
        out = c.command("can", "dan", "push", "team/app", status=1)
        self.assertIn("cove user grant dan 'team/app' push", out)
        c.command("user", "disable", "dan")
        self.assertIn("dan is disabled", c.command("can", "dan", "pull", "team/app", status=1))
        c.command("can", "nobody", "pull", "team/app", status=2)
        c.command("can", "dan", "fly", "team/app", status=2)
        c.command("can", "dan", "pull", "Team/app", status=2)

    def test_who_pushes_needs_pull(self):
        """The reasons follow the same rule as the refusal."""
        client = self.add_user("gil", "--grant", "team/**:push")
        self.assertEqual(client.request("POST", "/v2/team/app/blobs/uploads/").status, 401)
        self.assertIn("pull: no grant of gil or its roles allows it", self.cove.command("can", "gil", "push", "team/app", status=1))
        self.cove.command("user", "grant", "gil", "team/**", "pull,push")
        self.cove.command("can", "gil", "push", "team/app")

    def test_audit_of_the_registry_itself(self):
        c = self.cove
        c.command("namespace", "create", "short", "hosted")
        c.command("namespace", "remove", "short", "--purge")
        with tempfile.TemporaryDirectory() as path:
            c.command("blob-store", "add", "spare", path)
            c.command("blob-store", "remove", "spare")
        done = [(r["action"], r["object"], r["detail"]) for r in self.audit("--max", "500")]
        for row in (("namespace.purge", "short", ""), ("namespace.remove", "short", "with all that it held"), ("blob-store.add", "spare", path),
                    ("blob-store.remove", "spare", "")):
            self.assertIn(row, done)

    def test_audit(self):
        c = self.cove
        fay = self.add_user("fay")
        for _ in range(3):
            self.assertEqual(self.pull(fay), 401)  # real clients ask with the token they got: one without the right
        basic = Client(c)
        basic.auth = c.basic("fay", "some-password")
        self.assertEqual(self.pull(basic), 403)
        r = Client(c).request("GET", "/v2/", headers={"Authorization": c.basic("fay", "wrong-password")})
        self.assertEqual(r.status, 401)
        # anonymous with a token, an operation of the API
        anonymous = Client(c)
        anonymous.auth = "Bearer " + json.loads(Client(c).request("GET", "/token?scope=repository:team/app:pull").body)["token"]
        self.assertEqual(self.pull(anonymous), 401)
        self.assertEqual(basic.request("DELETE", "/api/v1/users/admin").status, 403)
        client = c.client(scope("team/gone", "pull,push,delete"))
        digest, _ = client.push_image("team/gone", "1")
        self.assertEqual(client.request("DELETE", "/v2/team/gone/manifests/1").status, 202)
        self.assertEqual(client.request("DELETE", f"/v2/team/gone/manifests/{digest}").status, 202)
        rows = self.audit("--user", "fay", "--refused", "--last", "1h")
        found = {(r["action"], r["object"], r["peer"]) for r in rows}
        self.assertIn(("pull", "team/app", "127.0.0.1"), found)
        self.assertIn(("login.password", "", "127.0.0.1"), found)
        self.assertIn(("api-user-remove", "admin", "127.0.0.1"), found)
        rows_of_anonymous = [(r["action"], r["object"]) for r in self.audit("--user", "anonymous", "--refused")]
        self.assertEqual(rows_of_anonymous, [("pull", "team/app")])
        self.assertEqual(len(rows), 3)  # what is the same within a minute is one row
        done = [(r["user"], r["action"], r["object"], r["detail"]) for r in self.audit("--max", "500")]
        self.assertIn(("admin", "tag.delete", "team/gone:1", digest), done)
        self.assertIn(("admin", "manifest.delete", "team/gone", digest), done)
        self.assertIn(("console", "user.add", "fay", ""), done)
        self.assertIn("refused", c.command("audit", "--refused"))
        self.assertNotIn("some-password", c.command("audit", "--max", "10000"))
        c.command("audit", "--max", "no", status=2)


class Flood(Case):
    def test_refused_keys(self):
        """Whoever can reach the port fills neither the log nor the audit log: lines are bounded, and the rest is counted."""
        c = Client(self.cove)
        c.auth = self.cove.basic("admin", "cove_k_" + "x" * 43)
        for _ in range(300):
            self.assertEqual(c.request("GET", "/v2/team/app/tags/list").status, 401)
        lines = [l for l in self.cove.read_log().splitlines() if "event=auth.failed" in l]
        self.assertGreater(len(lines), 10)
        self.assertLessEqual(len(lines), 62)
        # another event is not held up by it
        self.cove.process.send_signal(signal.SIGHUP)
        eventually(lambda: "event=reload" in self.cove.read_log(), "a line about something else")


class Moves(Case):
    def test_who_moved_a_tag(self):
        c = self.cove
        client = c.client(scope("team/app", "pull,push"))
        first, _ = client.push_image("team/app", "latest")
        client.push_image("team/app", "latest")  # nothing moves
        second, _ = client.push_image("team/app", "latest", layers=(b"another layer",))
        rows = json.loads(c.command("audit", "--json", "--action", "tag.move"))
        self.assertEqual([(r["user"], r["object"], r["detail"]) for r in rows],
                         [("admin", "team/app:latest", f"from {first} to {second}")])
        # who gave it its name first, also beside a digest
        r = client.request("PUT", f"/v2/team/app/manifests/{first}?tag=v1&tag=latest&tag=v2", client.request(
            "GET", f"/v2/team/app/manifests/{first}").body, {"Content-Type": OCI_IMAGE})
        self.assertEqual(r.status, 201, r.body)
        rows = json.loads(c.command("audit", "--json", "--action", "tag.add"))
        self.assertEqual([(r["user"], r["object"], r["detail"]) for r in rows],
                         [("admin", f"team/app:{tag}", first) for tag in ("v2", "v1", "latest")])

    def test_open_to_everybody(self):
        """Who lets everybody change things is told so."""
        def warned(*args):
            return b"Warning: everybody" in subprocess.run([BINARY, *args, "--data", self.cove.data], capture_output=True).stderr

        self.assertFalse(warned("user", "grant", "anonymous", "**", "pull"))
        self.assertTrue(warned("user", "grant", "anonymous", "open/**", "pull,push"))
        self.assertTrue(warned("user", "role", "anonymous", "developer"))
        self.assertFalse(warned("user", "role", "anonymous", "developer", "--remove"))


class Grants(Case):
    def grants(self, noun, name):
        listed = {u["name"]: u["grants"] for u in json.loads(self.cove.command(noun, "list", "--json"))}
        return {g["pattern"]: g["actions"] for g in listed[name]}

    def test_a_grant_adds(self):
        c = self.cove
        c.command("role", "add", "adds", "--grant", "a/**:pull", "--grant", "a/**:push")
        c.command("user", "add", "adder", "--robot", "--grant", "a/**:pull", "--grant", "a/**:push")
        for noun, name in (("user", "adder"), ("role", "adds")):
            self.assertEqual(self.grants(noun, name), {"a/**": "pull,push"})
            c.command(noun, "grant", name, "**", "pull")
            self.assertIn("pull,push", c.command(noun, "grant", name, "**", "push"))
            self.assertEqual(self.grants(noun, name), {"a/**": "pull,push", "**": "pull,push"})
            c.command(noun, "grant", name, "**", "delete", "--only")
            self.assertEqual(self.grants(noun, name)["**"], "delete")
            c.command(noun, "revoke", name, "**")
            self.assertNotIn("**", self.grants(noun, name))
        key = c.command("key", "create", "adder", "--grant", "a/x:pull", "--grant", "a/x:push").strip()
        listed = json.loads(c.command("key", "list", "adder", "--json"))[0]["grants"]
        self.assertEqual(listed, [{"pattern": "a/x", "actions": "pull,push"}])
        client = c.client("repository:a/x:pull,push", user="adder", password=key)
        self.assertEqual(client.request("POST", "/v2/a/x/blobs/uploads/").status, 202)
        admin = Client(c)
        admin.auth = c.basic()
        for noun, name in (("user", "adder"), ("role", "adds")):
            for method, actions, has in (("POST", "pull", "pull"), ("POST", "push", "pull,push"), ("PUT", "delete", "delete"), ("PUT", "none", None)):
                r = admin.request(method, f"/api/v1/{noun}s/{name}/grants", json.dumps({"pattern": "b/*", "actions": actions}).encode(),
                                  {"Content-Type": "application/json"})
                self.assertEqual(r.status, 204, r.body)
                self.assertEqual(self.grants(noun, name).get("b/*"), has)

    def test_patterns_that_match_nothing(self):
        c = self.cove
        c.command("role", "add", "never")
        c.command("user", "add", "never", "--robot")
        for pattern in ("/team", "team/", "team//x", "Team/**", "/**", "**/", "*/", "a..b/*", "_a", "a-/*", "*.", "a___b", "team/_/*", "a b"):
            for words in (["user", "grant", "never", pattern, "pull"], ["role", "grant", "never", pattern, "pull"],
                          ["user", "add", "half", "--robot", "--grant", pattern + ":pull"], ["role", "add", "half", "--grant", pattern + ":pull"],
                          ["key", "create", "never", "--grant", pattern + ":pull"]):
                self.assertIn("cannot match any repository", c.command(*words, status=2), words)
        for pattern in ("team", "team/**", "**", "*", "?", "a**b", "**/x", "team/*/x", "a.b_c__d---e/f", "*-x", "?*?/**"):
            c.command("user", "grant", "never", pattern, "pull")
            c.command("user", "revoke", "never", pattern)
        # who means all below it is told that this is one repository
        for pattern, said in (("team", True), ("team/**", False)):
            done = subprocess.run([BINARY, "user", "grant", "never", pattern, "pull", "--data", c.data], capture_output=True, timeout=60, check=True)
            self.assertEqual(b"the pattern team is only the repository of that name" in done.stderr, said)
